#import lib/span
#import lib/source_normalised
#import lib/activation

// y = (x − mean) / deviation · weight + bias, optionally with a ReLU: for readers that cannot normalise on load.
@group(0) @binding(0) var<uniform> params: Spans;
@group(0) @binding(1) var<storage, read> x: array<Activation>; // (planes, V)
@group(0) @binding(2) var<storage, read_write> y: array<Activation>; // (planes, V)

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let span = span_at(at, params);
  let channel = source_channel(span.channel);
  for (var v = span.first; v < span.end; v += span.step) {
    y[v] = Activation(from_source(f32(x[v]), channel));
  }
}

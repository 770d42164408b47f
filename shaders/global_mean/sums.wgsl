#import lib/span_partials
#import lib/activation
#import lib/source

// First stage of the mean over voxels: the sum of every span.
alias Partial = f32;

@group(0) @binding(2) var<storage, read> x: array<Activation>; // (planes, V)

fn partial_of(span: Span) -> Partial {
  let channel = source_channel(span.channel);
  var sum = 0.0;
  for (var v = span.first; v < span.end; v += span.step) {
    sum += from_source(f32(x[v]), channel);
  }
  return sum;
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  reduce_span(at);
}

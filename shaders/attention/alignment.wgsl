// First stage of alignment = mean over voxels of A * sigmoid(R): the sum of every span of a pair's voxels.
#import lib/span_partials
#import lib/math
#import lib/activation

alias Partial = f32;

@group(0) @binding(2) var<storage, read> attention: array<f32>; // (pairs, V)
@group(0) @binding(3) var<storage, read> response: array<Activation>; // (pairs, V)

fn partial_of(span: Span) -> Partial {
  var sum = 0.0;
  for (var v = span.first; v < span.end; v += span.step) {
    sum += attention[v] * sigmoid(f32(response[v]));
  }
  return sum;
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  reduce_span(at);
}

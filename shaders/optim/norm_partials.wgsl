// First stage of a gradient norm: the sum of the squares of every span, and the count of its non-finite elements.
#import lib/span_partials
#import lib/math

alias Partial = vec2f;

@group(0) @binding(2) var<storage, read> gradient: array<f32>; // (elements)

fn partial_of(span: Span) -> Partial {
  var sum = 0.0;
  var count = 0.0;
  for (var e = span.first; e < span.end; e += span.step) {
    let g = gradient[e];
    if (is_finite(g)) {
      sum = fma(g, g, sum);
    } else {
      count += 1.0;
    }
  }
  return Partial(sum, count);
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  reduce_span(at);
}

#import lib/span_partials
#import lib/activation

// First stage of the batch statistics: (mean, M2) of every span, by Welford's recurrence. Counts follow from the cut.
alias Partial = vec2f;

@group(0) @binding(2) var<storage, read> x: array<Activation>; // (planes, V)

fn partial_of(span: Span) -> Partial {
  var mean = 0.0;
  var m2 = 0.0;
  var count = 0.0;
  for (var v = span.first; v < span.end; v += span.step) {
    let value = f32(x[v]);
    let delta = value - mean;
    count += 1.0;
    mean += delta / count;
    m2 = fma(delta, value - mean, m2);
  }
  return Partial(mean, m2);
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  reduce_span(at);
}

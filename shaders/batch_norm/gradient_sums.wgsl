#import lib/span_partials
#import lib/batch_norm
#import lib/activation

// First stage of the backward reduction: (Σ dy, Σ dy · x̂) of every span, with dy masked by the ReLU if RELU is set.
override RELU: bool = false;

alias Partial = vec2f;

@group(0) @binding(2) var<storage, read> x: array<Activation>; // (planes, V)
@group(0) @binding(3) var<storage, read> d_output: array<Activation>; // (planes, V)
@group(0) @binding(4) var<storage, read> coefficients: array<vec4f>; // (C)

fn partial_of(span: Span) -> Partial {
  let channel = coefficients[span.channel];
  var sums = Partial();
  for (var v = span.first; v < span.end; v += span.step) {
    let value = f32(x[v]);
    let dead = RELU && affine(value, channel) <= 0.0;
    let dy = select(f32(d_output[v]), 0.0, dead);
    sums += Partial(dy, dy * standardised(value, channel));
  }
  return sums;
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  reduce_span(at);
}

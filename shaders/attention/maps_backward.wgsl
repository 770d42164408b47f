// Gradients of A = sigmoid(a) * sigmoid(P): d(a) = d(A) A sigmoid(-a), d(P) = sum over samples of d(A) A sigmoid(-P).
#import lib/grid
#import lib/math
#import lib/activation

struct Params {
  elements: u32, // of the factor
  samples: u32, // summed over; 1 for a, where each sample has its own elements
}

override ACCUMULATE: bool = false;

@group(0) @binding(0) var<storage, read> d_attention: array<f32>; // (N, S, V)
@group(0) @binding(1) var<storage, read> attention: array<f32>; // (N, S, V)
@group(0) @binding(2) var<storage, read> logits: array<Activation>; // a (N, S, V)
@group(0) @binding(3) var<storage, read_write> d_logits: array<Activation>; // (N, S, V)
@group(0) @binding(4) var<storage, read> priors: array<f32>; // P (S, V)
@group(0) @binding(5) var<storage, read_write> d_priors: array<f32>; // (S, V)
@group(0) @binding(6) var<uniform> params: Params;

fn summed(i: u32) -> f32 {
  var sum = 0.0;
  for (var n = 0u; n < params.samples; n++) {
    let at = n * params.elements + i;
    sum += d_attention[at] * attention[at];
  }
  return sum;
}

@compute @workgroup_size(WORKGROUP)
fn to_logits(at: Invocation) {
  let stride = grid_size(at);
  for (var i = index_of(at); i < params.elements; i += stride) {
    let before = select(0.0, f32(d_logits[i]), ACCUMULATE);
    d_logits[i] = Activation(before + summed(i) * sigmoid(-f32(logits[i])));
  }
}

@compute @workgroup_size(WORKGROUP)
fn to_priors(at: Invocation) {
  let stride = grid_size(at);
  for (var i = index_of(at); i < params.elements; i += stride) {
    d_priors[i] = select(0.0, d_priors[i], ACCUMULATE) + summed(i) * sigmoid(-priors[i]);
  }
}

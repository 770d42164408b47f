// A = sigmoid(logits) * sigmoid(priors); all samples share the priors.
#import lib/grid
#import lib/math
#import lib/activation

struct Params {
  elements: u32,
  prior_elements: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<Activation>; // (N, S, V)
@group(0) @binding(1) var<storage, read> priors: array<f32>; // (S, V)
@group(0) @binding(2) var<storage, read_write> attention: array<f32>; // (N, S, V)
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let stride = grid_size(at);
  for (var i = index_of(at); i < params.elements; i += stride) {
    attention[i] = sigmoid(f32(logits[i])) * sigmoid(priors[i % params.prior_elements]);
  }
}

// Gradients of the product A * u: each factor's is d(product) times the other factor.
#import lib/grid
#import lib/factor_gradients

struct Params {
  elements: u32,
}

@group(0) @binding(0) var<storage, read> d_logits: array<f32>; // (pairs, V)
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn to_attention(at: Invocation) {
  for (var i = index_of(at); i < params.elements; i += grid_size(at)) {
    add_to_attention(i, d_logits[i] * f32(response[i]));
  }
}

@compute @workgroup_size(WORKGROUP)
fn to_response(at: Invocation) {
  for (var i = index_of(at); i < params.elements; i += grid_size(at)) {
    add_to_response(i, d_logits[i] * attention[i]);
  }
}

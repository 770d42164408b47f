// Gradients of alignment = mean over voxels of A * sigmoid(R).
#import lib/grid
#import lib/factor_gradients
#import lib/math

struct Params {
  elements: u32,
  first_pair: u32,
  voxels: u32,
}

@group(0) @binding(0) var<storage, read> d_alignment: array<f32>; // (N, S)
@group(0) @binding(5) var<uniform> params: Params;

fn mean_gradient(i: u32) -> f32 {
  return d_alignment[params.first_pair + i / params.voxels] / f32(params.voxels);
}

@compute @workgroup_size(WORKGROUP)
fn to_attention(at: Invocation) {
  for (var i = index_of(at); i < params.elements; i += grid_size(at)) {
    add_to_attention(i, mean_gradient(i) * sigmoid(f32(response[i])));
  }
}

@compute @workgroup_size(WORKGROUP)
fn to_response(at: Invocation) {
  for (var i = index_of(at); i < params.elements; i += grid_size(at)) {
    add_to_response(i, mean_gradient(i) * attention[i] * sigmoid_derivative(f32(response[i])));
  }
}

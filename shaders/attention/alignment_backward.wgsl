// Gradients of alignment = mean over voxels of A * sigmoid(R).
#import lib/grid
#import lib/math
#import lib/activation

struct Params {
  elements: u32,
  first_pair: u32,
  voxels: u32,
}

override ACCUMULATE: bool = false;

@group(0) @binding(0) var<storage, read> d_alignment: array<f32>; // (N, S)
@group(0) @binding(1) var<storage, read> attention: array<f32>; // (pairs, V)
@group(0) @binding(2) var<storage, read> response: array<Activation>; // (pairs, V)
@group(0) @binding(3) var<storage, read_write> d_attention: array<f32>; // (pairs, V)
@group(0) @binding(4) var<storage, read_write> d_response: array<Activation>; // (pairs, V)
@group(0) @binding(5) var<uniform> params: Params;

fn load(i: u32) -> f32 {
  return f32(response[i]);
}

fn mean_gradient(i: u32) -> f32 {
  return d_alignment[params.first_pair + i / params.voxels] / f32(params.voxels);
}

@compute @workgroup_size(64)
fn to_attention(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let stride = groups.x * groups.y * 64u;
  for (var i = linear_index(group, groups, local, 64u); i < params.elements; i += stride) {
    d_attention[i] = select(0.0, d_attention[i], ACCUMULATE) + mean_gradient(i) * sigmoid(load(i));
  }
}

@compute @workgroup_size(64)
fn to_response(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let stride = groups.x * groups.y * 64u;
  for (var i = linear_index(group, groups, local, 64u); i < params.elements; i += stride) {
    let before = select(0.0, f32(d_response[i]), ACCUMULATE);
    d_response[i] = Activation(before + mean_gradient(i) * attention[i] * sigmoid_derivative(load(i)));
  }
}

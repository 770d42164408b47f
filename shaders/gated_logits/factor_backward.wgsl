// Gradients of the product A * u: each factor's is d(product) times the other factor.
#import lib/grid
#import lib/activation

struct Params {
  elements: u32,
}

override ACCUMULATE: bool = false;

@group(0) @binding(0) var<storage, read> d_logits: array<f32>; // (pairs, V)
@group(0) @binding(1) var<storage, read> attention: array<f32>; // (pairs, V)
@group(0) @binding(2) var<storage, read> response: array<Activation>; // (pairs, V)
@group(0) @binding(3) var<storage, read_write> d_attention: array<f32>; // (pairs, V)
@group(0) @binding(4) var<storage, read_write> d_response: array<Activation>; // (pairs, V)
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn to_attention(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let stride = groups.x * groups.y * 64u;
  for (var i = linear_index(group, groups, local, 64u); i < params.elements; i += stride) {
    d_attention[i] = select(0.0, d_attention[i], ACCUMULATE) + d_logits[i] * f32(response[i]);
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
    d_response[i] = Activation(select(0.0, f32(d_response[i]), ACCUMULATE) + d_logits[i] * attention[i]);
  }
}

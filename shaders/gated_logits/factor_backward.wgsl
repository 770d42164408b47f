// Gradient of a product: d(one factor) = d(product) * other factor.
#import lib/grid

struct Params {
  elements: u32,
}

override ACCUMULATE: bool = false;

@group(0) @binding(0) var<storage, read> d_logits: array<f32>; // (pairs, V)
@group(0) @binding(1) var<storage, read> factor: array<f32>; // (pairs, V)
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>; // (pairs, V)
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let stride = groups.x * groups.y * 64u;
  for (var i = linear_index(group, groups, local, 64u); i < params.elements; i += stride) {
    let value = d_logits[i] * factor[i];
    if (ACCUMULATE) {
      gradient[i] += value;
    } else {
      gradient[i] = value;
    }
  }
}

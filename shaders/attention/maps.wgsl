// A = sigmoid(logits) * sigmoid(priors); the priors are shared by the samples.
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

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let stride = groups.x * groups.y * 64u;
  for (var i = linear_index(group, groups, local, 64u); i < params.elements; i += stride) {
    attention[i] = sigmoid(f32(logits[i])) * sigmoid(priors[i % params.prior_elements]);
  }
}

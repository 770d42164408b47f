// Convolution on subgroup matrices of 16×16×16, eight subgroups of 32 invocations: what NVIDIA has. See lib/matrix_convolve.
#import lib/matrix_convolve

const M = 16u; // voxels
const N = 16u; // output channels
const K = 16u; // input channels
const RUN = 16u;
const INVOCATIONS = 256u;
const POSITIONS = 672u;
const PITCH = 24u;

@compute @workgroup_size(INVOCATIONS)
fn forward(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32,
  @builtin(subgroup_size) lanes: u32,
) {
  set_start(id.y, local);
  convolve(id.z * count.x + id.x, id.y, count.y, local, subgroup, lane, lanes);
}

// Without a bias: the backward-data pass.
@compute @workgroup_size(INVOCATIONS)
fn backward(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32,
  @builtin(subgroup_size) lanes: u32,
) {
  convolve(id.z * count.x + id.x, id.y, count.y, local, subgroup, lane, lanes);
}

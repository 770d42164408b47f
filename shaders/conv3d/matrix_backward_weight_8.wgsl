// The weights' gradient on subgroup matrices of 8×8×8, eight subgroups of 8 invocations: what lavapipe has. See lib/matrix_correlate.
#import lib/matrix_correlate

const M = 8u; // output channels
const N = 8u; // input channels
const K = 8u; // voxels
const RUN = K;
const INVOCATIONS = 64u;
const POSITIONS = 160u;
const PITCH = 24u; // two matrices of input channels, and 8 so that positions do not begin in the same bank

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup: u32,
) {
  correlate(id, count.z, local, subgroup);
}

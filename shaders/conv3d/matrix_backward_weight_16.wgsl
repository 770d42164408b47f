// The weights' gradient on subgroup matrices of 16×16×16, eight subgroups of 32 invocations: what NVIDIA has. See lib/matrix_correlate.
#import lib/matrix_correlate

const M = 16u; // output channels
const N = 16u; // input channels
const K = 16u; // voxels
const RUN = K;
const INVOCATIONS = 256u;
const POSITIONS = 224u;
const PITCH = 40u; // two matrices of input channels, and 8 so that positions do not begin in the same bank

@compute @workgroup_size(INVOCATIONS)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup: u32,
) {
  correlate(id, count.z, local, subgroup);
}

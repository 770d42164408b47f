// How far each voxel looks aside in an elastic deformation: the splines' first three numbers. One invocation makes four neighbours
// along D.
#import lib/grid
#import lib/volume
#import lib/spline

struct Params {
  size: vec3u,    // (H, W, D) voxels, D a multiple of 4
  quads: u32,     // invocations: samples · voxels / 4 of the slice
  counts: vec3u,  // control points along (H, W, D)
  points: u32,    // of a sample, filling included
  spacing: vec3f, // voxels
}

@group(0) @binding(0) var<storage, read_write> displacement: array<f32>; // (n, 3, H, W, D) voxels along H, W, D
@group(0) @binding(1) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = linear_index(group, groups, local, 64u);
  if (index >= params.quads) {
    return;
  }
  let voxels = params.size.x * params.size.y * params.size.z;
  let n = index * 4u / voxels;
  let voxel = index * 4u % voxels;
  let lattice = Lattice(params.counts, params.points, params.spacing);
  let quad = spline_quad(n, voxel_axes(voxel, params.size), lattice);
  for (var axis = 0u; axis < 3u; axis++) {
    for (var i = 0u; i < 4u; i++) {
      displacement[(n * 3u + axis) * voxels + voxel + i] = quad[i][axis];
    }
  }
}

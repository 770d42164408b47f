// The displacement of each voxel in an elastic deformation, in voxels along H, W, D.
@group(0) @binding(14) var<storage, read> displacement: array<f32>; // (n, 3, H, W, D)

fn displacement_of(n: u32, voxel: u32, voxels: u32) -> vec3f {
  let at = 3u * n * voxels + voxel;
  return vec3f(displacement[at], displacement[at + voxels], displacement[at + 2u * voxels]);
}

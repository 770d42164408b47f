// Voxels of a volume of `size` (H, W, D), D fastest, and their axes.

fn voxel_axes(voxel: u32, size: vec3u) -> vec3u {
  let row = voxel / size.z;
  return vec3u(row / size.y, row % size.y, voxel % size.z);
}

fn volume_voxels(size: vec3u) -> u32 {
  return size.x * size.y * size.z;
}

fn inside(axes: vec3i, size: vec3u) -> bool {
  return all(axes >= vec3i(0)) && all(axes < vec3i(size));
}

fn voxel_index(axes: vec3i, size: vec3u) -> u32 {
  return (u32(axes.x) * size.y + u32(axes.y)) * size.z + u32(axes.z);
}

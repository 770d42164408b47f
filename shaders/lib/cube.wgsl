// The 2x2x2 cube of the larger volume that belongs to a voxel of the smaller one, in the transposed convolution.

// Its values, or sums of them: four (kw, kd) of each kh.
struct Cube {
  top: vec4f,
  bottom: vec4f,
}

// Where in a channel of the larger volume the cube of a voxel begins.
fn cube_at(voxel: u32) -> u32 {
  let place = voxel_axes(voxel, params.volume);
  return voxel_index(vec3i(2u * place), 2u * params.volume);
}

// From one of its two squares to the other.
fn cube_step() -> u32 {
  return 4u * params.volume.y * params.volume.z;
}

// The 2x2x2 cube of the larger volume that belongs to a voxel of the smaller one, in the transposed convolution.

// A dispatch's part of a transposed convolution.
struct CubeShare {
  samples: u32,
  inputs: u32, // channels of the smaller volume
  outputs: u32, // channels of the larger
  volume: vec3u, // H, W, D of the smaller
}

// Position in the bound window of a weight (I, O, 2, 2, 2).
struct CubeWeight {
  first_output: u32,
  weight_base: u32, // first input channel, in vec4s
  weight_outputs: u32, // output channels
}

// The values or sums of a cube: four (kw, kd) per kh.
struct Cube {
  top: vec4f,
  bottom: vec4f,
}

// Start of a voxel's cube in a channel of the larger volume.
fn cube_at(voxel: u32) -> u32 {
  let place = voxel_axes(voxel, params.share.volume);
  return voxel_index(vec3i(2u * place), 2u * params.share.volume);
}

// From one of its two squares to the other.
fn cube_step() -> u32 {
  return 4u * params.share.volume.y * params.share.volume.z;
}

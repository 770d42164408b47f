// The 2x2x2 cube of the larger volume that belongs to a voxel of the smaller one, in the transposed convolution.

// The share of a transposed convolution that a dispatch takes.
struct CubeShare {
  samples: u32,
  inputs: u32, // channels of the smaller volume
  outputs: u32, // channels of the larger
  volume: vec3u, // H, W, D of the smaller
}

// Where in the bound window of a weight (I, O, 2, 2, 2) to read.
struct CubeWeight {
  first_output: u32,
  weight_base: u32, // vec4s in front of the first input channel
  weight_outputs: u32, // output channels
}

// The values of a cube, or sums of them: four (kw, kd) of each kh.
struct Cube {
  top: vec4f,
  bottom: vec4f,
}

// Where in a channel of the larger volume the cube of a voxel begins.
fn cube_at(voxel: u32) -> u32 {
  let place = voxel_axes(voxel, params.share.volume);
  return voxel_index(vec3i(2u * place), 2u * params.share.volume);
}

// From one of its two squares to the other.
fn cube_step() -> u32 {
  return 4u * params.share.volume.y * params.share.volume.z;
}

// The unit of the 3x3x3 convolutions: four voxels along W by four outputs.
#import lib/conv3d/store_quad

// The inputs of four voxels along W for the three taps along W.
struct Row {
  left: vec4f,
  centre: vec4f,
  right: vec4f,
}

// Stores four outputs of up to `voxels` voxels along W of an activation (N, C, H, W, D).
fn store_outputs(at: u32, voxels: u32, output: u32, quad: OutputQuad) {
  let channel = params.height * params.width * params.depth;
  store_quad(at, vec2u(params.depth, channel), vec2u(voxels, count_left(output, params.share.outputs)), quad);
}

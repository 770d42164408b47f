// A dispatch's part of a convolution, and its bias.
struct Share {
  samples: u32,
  inputs: u32, // channels summed over
  outputs: u32, // channels computed
  bias_base: u32, // output channel of the first one computed
  y_base: u32, // first channel written, in elements of the bound window
  y_channels: u32, // per sample in y
}

@group(0) @binding(9) var<storage, read> bias: array<f32>; // (O)

// The bias of four output channels starting at `output`, clamped to the last.
fn bias_of(output: u32) -> vec4f {
  let at = min(output + vec4u(0, 1, 2, 3), vec4u(params.share.outputs - 1u)) + params.share.bias_base;
  return vec4f(bias[at.x], bias[at.y], bias[at.z], bias[at.w]);
}

// The bias of four output channels from `output` on, counting those computed; past the last, that of the last.
@group(0) @binding(9) var<storage, read> bias: array<f32>; // (O)

fn bias_of(output: u32) -> vec4f {
  let at = min(output + vec4u(0, 1, 2, 3), vec4u(params.outputs - 1u)) + params.bias_base;
  return vec4f(bias[at.x], bias[at.y], bias[at.z], bias[at.w]);
}

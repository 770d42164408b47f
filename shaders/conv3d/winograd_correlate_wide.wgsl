// Winograd, backward-weight, second of three stages, for many output channels: as winograd_correlate.wgsl, but an
// invocation has output channels of its own, so that nothing is added across invocations.
// An invocation of `outputs64` computes 4 output channels, sixteen apart, by 17 input channels of one frequency: 68 sums. Neighbouring
// invocations hold neighbouring output channels (dM has them innermost), V is uniform: per four tiles 16 gradients and 17 vec4 of V
// feed 272 multiply-adds. Seventeen, because the merged head reads 16 features and a channel of ones. `outputs32` computes 2 by 16.

override ACCUMULATE: bool = false;

struct Params {
  inputs: u32,
  outputs: u32,
  blocks: u32, // of 64 tiles
  v_stride: u32, // elements between two frequencies
  dm_stride: u32,
}

@group(0) @binding(0) var<storage, read> v: array<vec4f>; // (frequencies, blocks, I, 64)
@group(0) @binding(1) var<storage, read> dm: array<f32>; // (frequencies, blocks, 64, O)
@group(0) @binding(2) var<storage, read_write> du: array<f32>; // (frequencies, O, I)
@group(0) @binding(3) var<uniform> params: Params;

// The gradients of one tile.
fn load(at: u32, outputs: vec4u) -> vec4f {
  return vec4f(dm[at + outputs.x], dm[at + outputs.y], dm[at + outputs.z], dm[at + outputs.w]);
}

// Adds four tiles of one input channel.
fn add(sum: vec4f, g: mat4x4f, at: u32) -> vec4f {
  let x = v[at];
  return fma(g[3], vec4f(x.w), fma(g[2], vec4f(x.z), fma(g[1], vec4f(x.y), fma(g[0], vec4f(x.x), sum))));
}

fn store(to: u32, input: u32, output: u32, value: f32) {
  if (output >= params.outputs || input >= params.inputs) {
    return;
  }
  let at = to + output * params.inputs + input;
  if (ACCUMULATE) {
    du[at] += value;
  } else {
    du[at] = value;
  }
}

fn store_outputs(to: u32, input: u32, output: u32, sums: vec4f) {
  store(to, input, output, sums.x);
  store(to, input, output + 16u, sums.y);
  store(to, input, output + 32u, sums.z);
  store(to, input, output + 48u, sums.w);
}

// Workgroups are (block of 17 inputs, block of 64 outputs, frequency). Output channels past the last read the last, input channels
// past the last what follows it; neither is stored.
@compute @workgroup_size(16)
fn outputs64(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let input = id.x * 17u;
  let output = id.y * 64u + local;
  let outputs = min(output + vec4u(0, 16, 32, 48), vec4u(params.outputs - 1u));
  let row = params.outputs;
  let blocks = params.blocks;
  let step = params.inputs * 16u - 16u; // vec4s from the end of a channel's block to its next
  var at = id.z * params.v_stride / 4u + input * 16u;
  var gradient_at = id.z * params.dm_stride;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();
  var s8 = vec4f();
  var s9 = vec4f();
  var s10 = vec4f();
  var s11 = vec4f();
  var s12 = vec4f();
  var s13 = vec4f();
  var s14 = vec4f();
  var s15 = vec4f();
  var s16 = vec4f();
  for (var group = 0u; group < blocks; group++) {
    for (var four = 0u; four < 16u; four++) {
      let g = mat4x4f(
        load(gradient_at, outputs),
        load(gradient_at + row, outputs),
        load(gradient_at + 2u * row, outputs),
        load(gradient_at + 3u * row, outputs),
      );
      s0 = add(s0, g, at);
      s1 = add(s1, g, at + 16u);
      s2 = add(s2, g, at + 32u);
      s3 = add(s3, g, at + 48u);
      s4 = add(s4, g, at + 64u);
      s5 = add(s5, g, at + 80u);
      s6 = add(s6, g, at + 96u);
      s7 = add(s7, g, at + 112u);
      s8 = add(s8, g, at + 128u);
      s9 = add(s9, g, at + 144u);
      s10 = add(s10, g, at + 160u);
      s11 = add(s11, g, at + 176u);
      s12 = add(s12, g, at + 192u);
      s13 = add(s13, g, at + 208u);
      s14 = add(s14, g, at + 224u);
      s15 = add(s15, g, at + 240u);
      s16 = add(s16, g, at + 256u);
      at += 1u;
      gradient_at += 4u * row;
    }
    at += step;
  }
  let to = id.z * params.outputs * params.inputs;
  store_outputs(to, input, output, s0);
  store_outputs(to, input + 1u, output, s1);
  store_outputs(to, input + 2u, output, s2);
  store_outputs(to, input + 3u, output, s3);
  store_outputs(to, input + 4u, output, s4);
  store_outputs(to, input + 5u, output, s5);
  store_outputs(to, input + 6u, output, s6);
  store_outputs(to, input + 7u, output, s7);
  store_outputs(to, input + 8u, output, s8);
  store_outputs(to, input + 9u, output, s9);
  store_outputs(to, input + 10u, output, s10);
  store_outputs(to, input + 11u, output, s11);
  store_outputs(to, input + 12u, output, s12);
  store_outputs(to, input + 13u, output, s13);
  store_outputs(to, input + 14u, output, s14);
  store_outputs(to, input + 15u, output, s15);
  store_outputs(to, input + 16u, output, s16);
}

// The gradients of one tile in two output channels.
fn load_two(at: u32, outputs: vec2u) -> vec2f {
  return vec2f(dm[at + outputs.x], dm[at + outputs.y]);
}

// Adds four tiles of one input channel.
fn add_two(sum: vec2f, g: mat4x2f, at: u32) -> vec2f {
  let x = v[at];
  return fma(g[3], vec2f(x.w), fma(g[2], vec2f(x.z), fma(g[1], vec2f(x.y), fma(g[0], vec2f(x.x), sum))));
}

fn store_two(to: u32, input: u32, output: u32, sums: vec2f) {
  store(to, input, output, sums.x);
  store(to, input, output + 16u, sums.y);
}

// Workgroups are (block of 16 inputs, block of 32 outputs, frequency).
@compute @workgroup_size(16)
fn outputs32(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let input = id.x * 16u;
  let output = id.y * 32u + local;
  let outputs = min(output + vec2u(0, 16), vec2u(params.outputs - 1u));
  let row = params.outputs;
  let blocks = params.blocks;
  let step = params.inputs * 16u - 16u;
  var at = id.z * params.v_stride / 4u + input * 16u;
  var gradient_at = id.z * params.dm_stride;
  var s0 = vec2f();
  var s1 = vec2f();
  var s2 = vec2f();
  var s3 = vec2f();
  var s4 = vec2f();
  var s5 = vec2f();
  var s6 = vec2f();
  var s7 = vec2f();
  var s8 = vec2f();
  var s9 = vec2f();
  var s10 = vec2f();
  var s11 = vec2f();
  var s12 = vec2f();
  var s13 = vec2f();
  var s14 = vec2f();
  var s15 = vec2f();
  for (var group = 0u; group < blocks; group++) {
    for (var four = 0u; four < 16u; four++) {
      let g = mat4x2f(
        load_two(gradient_at, outputs),
        load_two(gradient_at + row, outputs),
        load_two(gradient_at + 2u * row, outputs),
        load_two(gradient_at + 3u * row, outputs),
      );
      s0 = add_two(s0, g, at);
      s1 = add_two(s1, g, at + 16u);
      s2 = add_two(s2, g, at + 32u);
      s3 = add_two(s3, g, at + 48u);
      s4 = add_two(s4, g, at + 64u);
      s5 = add_two(s5, g, at + 80u);
      s6 = add_two(s6, g, at + 96u);
      s7 = add_two(s7, g, at + 112u);
      s8 = add_two(s8, g, at + 128u);
      s9 = add_two(s9, g, at + 144u);
      s10 = add_two(s10, g, at + 160u);
      s11 = add_two(s11, g, at + 176u);
      s12 = add_two(s12, g, at + 192u);
      s13 = add_two(s13, g, at + 208u);
      s14 = add_two(s14, g, at + 224u);
      s15 = add_two(s15, g, at + 240u);
      at += 1u;
      gradient_at += 4u * row;
    }
    at += step;
  }
  let to = id.z * params.outputs * params.inputs;
  store_two(to, input, output, s0);
  store_two(to, input + 1u, output, s1);
  store_two(to, input + 2u, output, s2);
  store_two(to, input + 3u, output, s3);
  store_two(to, input + 4u, output, s4);
  store_two(to, input + 5u, output, s5);
  store_two(to, input + 6u, output, s6);
  store_two(to, input + 7u, output, s7);
  store_two(to, input + 8u, output, s8);
  store_two(to, input + 9u, output, s9);
  store_two(to, input + 10u, output, s10);
  store_two(to, input + 11u, output, s11);
  store_two(to, input + 12u, output, s12);
  store_two(to, input + 13u, output, s13);
  store_two(to, input + 14u, output, s14);
  store_two(to, input + 15u, output, s15);
}

// Winograd, backward-weight, second of three stages: for each frequency dU = Σ over tiles of dM V, added
// to what earlier tiles gave.
// An invocation computes 8 output by 8 input channels of one frequency over all tiles: 16 loads feed 64 multiply-adds.
#import lib/grid

override ACCUMULATE: bool = false;

struct Params {
  inputs: u32,
  outputs: u32,
  frequencies: u32,
  blocks: u32, // of 64 tiles
  v_stride: u32, // elements between two frequencies
  dm_stride: u32,
}

@group(0) @binding(0) var<storage, read> v: array<f32>; // (frequencies, blocks, I, 64)
@group(0) @binding(1) var<storage, read> dm: array<f32>; // (frequencies, blocks, O, 64)
@group(0) @binding(2) var<storage, read_write> du: array<f32>; // (frequencies, O, I)
@group(0) @binding(3) var<uniform> params: Params;

// Sums of eight input channels, each a vector over four output channels.
struct Sums {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
  e: vec4f,
  f: vec4f,
  g: vec4f,
  h: vec4f,
}

fn load(at: u32, channels: vec4u) -> vec4f {
  return vec4f(v[at + channels.x], v[at + channels.y], v[at + channels.z], v[at + channels.w]);
}

fn load_gradient(at: u32, channels: vec4u) -> vec4f {
  return vec4f(dm[at + channels.x], dm[at + channels.y], dm[at + channels.z], dm[at + channels.w]);
}

fn add(s: Sums, g: vec4f, low: vec4f, high: vec4f) -> Sums {
  return Sums(
    fma(g, vec4f(low.x), s.a),
    fma(g, vec4f(low.y), s.b),
    fma(g, vec4f(low.z), s.c),
    fma(g, vec4f(low.w), s.d),
    fma(g, vec4f(high.x), s.e),
    fma(g, vec4f(high.y), s.f),
    fma(g, vec4f(high.z), s.g),
    fma(g, vec4f(high.w), s.h),
  );
}

fn store(output: u32, input: u32, frequency: u32, value: f32) {
  if (output >= params.outputs || input >= params.inputs) {
    return;
  }
  let to = (frequency * params.outputs + output) * params.inputs + input;
  if (ACCUMULATE) {
    du[to] += value;
  } else {
    du[to] = value;
  }
}

fn store_four(output: u32, input: u32, frequency: u32, value: vec4f) {
  store(output, input, frequency, value.x);
  store(output + 1u, input, frequency, value.y);
  store(output + 2u, input, frequency, value.z);
  store(output + 3u, input, frequency, value.w);
}

fn store_sums(output: u32, input: u32, frequency: u32, s: Sums) {
  store_four(output, input, frequency, s.a);
  store_four(output, input + 1u, frequency, s.b);
  store_four(output, input + 2u, frequency, s.c);
  store_four(output, input + 3u, frequency, s.d);
  store_four(output, input + 4u, frequency, s.e);
  store_four(output, input + 5u, frequency, s.f);
  store_four(output, input + 6u, frequency, s.g);
  store_four(output, input + 7u, frequency, s.h);
}

// Invocations are (frequency, block of eight outputs, block of eight inputs).
@compute @workgroup_size(16)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = linear_index(group, groups, local, 16u);
  let input_blocks = (params.inputs + 7u) / 8u;
  let output_blocks = (params.outputs + 7u) / 8u;
  let input = index % input_blocks * 8u;
  let output = index / input_blocks % output_blocks * 8u;
  let task = index / (input_blocks * output_blocks);
  let frequency = min(task, params.frequencies - 1u);
  let count = vec4u(0, 1, 2, 3);
  // Channels past the last read the last; their sums are not stored.
  let low_inputs = min(input + count, vec4u(params.inputs - 1u)) * 64u;
  let high_inputs = min(input + 4u + count, vec4u(params.inputs - 1u)) * 64u;
  let low_outputs = min(output + count, vec4u(params.outputs - 1u)) * 64u;
  let high_outputs = min(output + 4u + count, vec4u(params.outputs - 1u)) * 64u;
  var low = Sums();
  var high = Sums();
  for (var tile = 0u; tile < params.blocks * 64u; tile++) {
    let at = frequency * params.v_stride + tile / 64u * params.inputs * 64u + tile % 64u;
    let gradient_at = frequency * params.dm_stride + tile / 64u * params.outputs * 64u + tile % 64u;
    let a = load(at, low_inputs);
    let b = load(at, high_inputs);
    low = add(low, load_gradient(gradient_at, low_outputs), a, b);
    high = add(high, load_gradient(gradient_at, high_outputs), a, b);
  }
  if (task < params.frequencies) {
    store_sums(output, input, frequency, low);
    store_sums(output + 4u, input, frequency, high);
  }
}

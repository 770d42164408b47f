// Winograd F(2x2x2, 3x3x3), backward-weight, second of three stages: for each of the 64 frequencies dU = Σ over tiles of dM V, added
// to what earlier tiles gave.
// A workgroup computes 8 output by 8 input channels of one frequency; its invocations take the tiles in turn (16 loads feed
// 64 multiply-adds) and are added in order at the end.

override ACCUMULATE: bool = false;

struct Params {
  inputs: u32,
  outputs: u32,
  blocks: u32, // of 64 tiles
  v_stride: u32, // elements between two frequencies
  dm_stride: u32,
}

@group(0) @binding(0) var<storage, read> v: array<f32>; // (64, blocks, I, 64)
@group(0) @binding(1) var<storage, read> dm: array<f32>; // (64, blocks, O, 64)
@group(0) @binding(2) var<storage, read_write> du: array<f32>; // (64, O, I)
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> sums: array<vec4f, 256>; // (16 vectors, 16 invocations)

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

fn put(at: u32, s: Sums) {
  sums[at] = s.a;
  sums[at + 16u] = s.b;
  sums[at + 32u] = s.c;
  sums[at + 48u] = s.d;
  sums[at + 64u] = s.e;
  sums[at + 80u] = s.f;
  sums[at + 96u] = s.g;
  sums[at + 112u] = s.h;
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

// Workgroups are (block of eight inputs, block of eight outputs, frequency).
@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let count = vec4u(0, 1, 2, 3);
  // Channels past the last read the last; their sums are not stored.
  let low_inputs = min(id.x * 8u + count, vec4u(params.inputs - 1u)) * 64u;
  let high_inputs = min(id.x * 8u + 4u + count, vec4u(params.inputs - 1u)) * 64u;
  let low_outputs = min(id.y * 8u + count, vec4u(params.outputs - 1u)) * 64u;
  let high_outputs = min(id.y * 8u + 4u + count, vec4u(params.outputs - 1u)) * 64u;
  var low = Sums();
  var high = Sums();
  let steps = params.blocks * 4u;
  for (var step = 0u; step < steps; step++) {
    let tile = step % 4u * 16u + local;
    let at = id.z * params.v_stride + step / 4u * params.inputs * 64u + tile;
    let gradient_at = id.z * params.dm_stride + step / 4u * params.outputs * 64u + tile;
    let a = load(at, low_inputs);
    let b = load(at, high_inputs);
    low = add(low, load_gradient(gradient_at, low_outputs), a, b);
    high = add(high, load_gradient(gradient_at, high_outputs), a, b);
  }
  put(local, low);
  put(128u + local, high);
  workgroupBarrier();
  var total = vec4f();
  for (var lane = 0u; lane < 16u; lane++) {
    total += sums[local * 16u + lane];
  }
  let output = id.y * 8u + local / 8u * 4u;
  let input = id.x * 8u + local % 8u;
  store(output, input, id.z, total.x);
  store(output + 1u, input, id.z, total.y);
  store(output + 2u, input, id.z, total.z);
  store(output + 3u, input, id.z, total.w);
}

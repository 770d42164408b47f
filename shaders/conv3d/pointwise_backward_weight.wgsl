// d(weight) of the 1x1x1 convolution, stride 1: first stage, one partial sum per chunk of voxels.
// A workgroup computes 8 output by 8 input channels over the voxels of its chunk; its invocations take the voxels in turn (16 loads
// feed 64 multiply-adds) and are added in order at the end.
#import lib/activation
#import lib/source

struct Params {
  samples: u32,
  inputs: u32, // channels of x that are read
  outputs: u32, // channels of dy that are read
  voxels: u32,
  x_base: u32, // elements of the bound window in front of the first channel read
  x_channel: u32, // the first one read
  x_channels: u32, // per sample in x
  dy_base: u32,
  dy_channels: u32,
  chunk_voxels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Activation>; // (N, x channels, V)
@group(0) @binding(1) var<storage, read> dy: array<Activation>; // (N, dy channels, V)
@group(0) @binding(2) var<storage, read_write> partials: array<f32>; // (chunks, O, I)
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> sums: array<vec4f, 1024>; // (16 vectors, invocations)

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

// What four channels of x are read with.
struct Channels {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
}

fn channels_of(channels: vec4u) -> Channels {
  let at = channels + params.x_channel;
  return Channels(source_channel(at.x), source_channel(at.y), source_channel(at.z), source_channel(at.w));
}

fn load(at: vec4u, channels: Channels) -> vec4f {
  let v = vec4f(vec4(x[at.x], x[at.y], x[at.z], x[at.w]));
  return vec4f(
    from_source(v.x, channels.a),
    from_source(v.y, channels.b),
    from_source(v.z, channels.c),
    from_source(v.w, channels.d),
  );
}

fn load_gradient(at: vec4u) -> vec4f {
  return vec4f(vec4(dy[at.x], dy[at.y], dy[at.z], dy[at.w]));
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

fn put(at: u32, step: u32, s: Sums) {
  sums[at] = s.a;
  sums[at + step] = s.b;
  sums[at + 2u * step] = s.c;
  sums[at + 3u * step] = s.d;
  sums[at + 4u * step] = s.e;
  sums[at + 5u * step] = s.f;
  sums[at + 6u * step] = s.g;
  sums[at + 7u * step] = s.h;
}

fn store(output: u32, input: u32, part: u32, value: f32) {
  if (output < params.outputs && input < params.inputs) {
    partials[(part * params.outputs + output) * params.inputs + input] = value;
  }
}

// Workgroups are (block of eight inputs, block of eight outputs, chunk).
fn correlate(id: vec3u, local: u32, lanes: u32) {
  let count = vec4u(0, 1, 2, 3);
  let first = id.z * params.chunk_voxels;
  let last = min(first + params.chunk_voxels, params.samples * params.voxels);
  // Channels past the last read the last; their sums are not stored.
  let inputs = vec4u(params.inputs - 1u);
  let outputs = vec4u(params.outputs - 1u);
  let low_input = min(id.x * 8u + count, inputs);
  let high_input = min(id.x * 8u + 4u + count, inputs);
  let low_x = low_input * params.voxels + params.x_base;
  let high_x = high_input * params.voxels + params.x_base;
  let low_channels = channels_of(low_input);
  let high_channels = channels_of(high_input);
  let low_dy = min(id.y * 8u + count, outputs) * params.voxels + params.dy_base;
  let high_dy = min(id.y * 8u + 4u + count, outputs) * params.voxels + params.dy_base;
  var low = Sums();
  var high = Sums();
  for (var index = first + local; index < last; index += lanes) {
    let n = index / params.voxels;
    let x_at = index + n * (params.x_channels - 1u) * params.voxels;
    let dy_at = index + n * (params.dy_channels - 1u) * params.voxels;
    let a = load(low_x + x_at, low_channels);
    let b = load(high_x + x_at, high_channels);
    low = add(low, load_gradient(low_dy + dy_at), a, b);
    high = add(high, load_gradient(high_dy + dy_at), a, b);
  }
  put(local, lanes, low);
  put(8u * lanes + local, lanes, high);
  workgroupBarrier();
  if (local >= 16u) {
    return;
  }
  var total = vec4f();
  for (var lane = 0u; lane < lanes; lane++) {
    total += sums[local * lanes + lane];
  }
  let output = id.y * 8u + local / 8u * 4u;
  let input = id.x * 8u + local % 8u;
  store(output, input, id.z, total.x);
  store(output + 1u, input, id.z, total.y);
  store(output + 2u, input, id.z, total.z);
  store(output + 3u, input, id.z, total.w);
}

@compute @workgroup_size(16)
fn main16(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  correlate(id, local, 16u);
}

@compute @workgroup_size(64)
fn main64(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  correlate(id, local, 64u);
}

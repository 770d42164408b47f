// 1x1x1 convolution, stride 1: a matrix product over channels. With packed weights whose channels are exchanged (pack.wgsl) it is its
// own backward-data pass.
// An invocation computes 4 voxels of 16 output channels, 64 sums. Neighbouring invocations hold neighbouring voxels, so loads are
// contiguous; a workgroup shares its output channels, so weights are uniform: per input channel 4 inputs and 4 vec4 of weights feed
// 64 multiply-adds.
#import lib/activation
#import lib/source

override ACCUMULATE: bool = false;

struct Params {
  samples: u32,
  inputs: u32, // channels of x that are read
  outputs: u32, // channels computed
  bias_base: u32, // output channel of the bias that is the first one computed
  voxels: u32,
  x_base: u32, // elements of the bound window in front of the first channel read
  x_channel: u32, // the first one read
  x_channels: u32, // per sample in x
  y_base: u32,
  y_channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Activation>; // (N, x channels, V)
@group(0) @binding(1) var<storage, read> packed: array<vec4f>; // (O / 4, I)
@group(0) @binding(2) var<storage, read> bias: array<f32>; // (O)
@group(0) @binding(3) var<storage, read_write> y: array<Activation>; // (N, y channels, V)
@group(0) @binding(4) var<uniform> params: Params;

// Sums of four voxels, one vector per output channel.
struct Sums {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
}

fn load(at: vec4u, channel: vec4f) -> vec4f {
  let v = vec4f(vec4(x[at.x], x[at.y], x[at.z], x[at.w]));
  return vec4f(from_source(v.x, channel), from_source(v.y, channel), from_source(v.z, channel), from_source(v.w, channel));
}

fn add(sums: Sums, values: vec4f, w: vec4f) -> Sums {
  return Sums(
    fma(values, vec4f(w.x), sums.a),
    fma(values, vec4f(w.y), sums.b),
    fma(values, vec4f(w.z), sums.c),
    fma(values, vec4f(w.w), sums.d),
  );
}

fn store(at: u32, value: f32) {
  if (ACCUMULATE) {
    y[at] = Activation(f32(y[at]) + value);
  } else {
    y[at] = Activation(value);
  }
}

// Voxels are `lanes` apart; `left` counts those from the first to the end of the channel.
fn store_voxels(output: u32, at: u32, left: u32, lanes: u32, values: vec4f) {
  if (output >= params.outputs || left == 0u) {
    return;
  }
  let to = at + output * params.voxels;
  store(to, values.x);
  if (left > lanes) {
    store(to + lanes, values.y);
  }
  if (left > 2u * lanes) {
    store(to + 2u * lanes, values.z);
  }
  if (left > 3u * lanes) {
    store(to + 3u * lanes, values.w);
  }
}

fn store_sums(output: u32, at: u32, left: u32, lanes: u32, sums: Sums, start: vec4f) {
  store_voxels(output, at, left, lanes, sums.a + start.x);
  store_voxels(output + 1u, at, left, lanes, sums.b + start.y);
  store_voxels(output + 2u, at, left, lanes, sums.c + start.z);
  store_voxels(output + 3u, at, left, lanes, sums.d + start.w);
}

// Where the weights of four outputs begin; past the last block, those of the last.
fn weights_of(output: u32) -> u32 {
  return min(output / 4u, (params.outputs - 1u) / 4u) * params.inputs;
}

fn bias_of(output: u32) -> vec4f {
  let at = min(output + vec4u(0, 1, 2, 3), vec4u(params.outputs - 1u)) + params.bias_base;
  return vec4f(bias[at.x], bias[at.y], bias[at.z], bias[at.w]);
}

// A workgroup takes 4 voxels per lane of one sample; `start` is what the sums of the sixteen outputs begin with.
fn multiply(group: u32, local: u32, lanes: u32, output: u32, start: mat4x4f) {
  let groups = (params.voxels + 4u * lanes - 1u) / (4u * lanes);
  let n = min(group / groups, params.samples - 1u);
  let voxel = group % groups * 4u * lanes + local;
  let last = params.voxels - 1u;
  let places = min(voxel + lanes * vec4u(0, 1, 2, 3), vec4u(last));
  var at = places + params.x_base + n * params.x_channels * params.voxels;
  var w = vec4u(weights_of(output), weights_of(output + 4u), weights_of(output + 8u), weights_of(output + 12u));
  var s0 = Sums();
  var s1 = Sums();
  var s2 = Sums();
  var s3 = Sums();
  let inputs = params.inputs;
  let step = params.voxels;
  for (var i = 0u; i < inputs; i++) {
    let values = load(at, source_channel(params.x_channel + i));
    s0 = add(s0, values, packed[w.x]);
    s1 = add(s1, values, packed[w.y]);
    s2 = add(s2, values, packed[w.z]);
    s3 = add(s3, values, packed[w.w]);
    at += step;
    w += 1u;
  }
  let to = params.y_base + n * params.y_channels * params.voxels + voxel;
  let left = select(0u, params.voxels - voxel, group / groups < params.samples && voxel < params.voxels);
  store_sums(output, to, left, lanes, s0, start[0]);
  store_sums(output + 4u, to, left, lanes, s1, start[1]);
  store_sums(output + 8u, to, left, lanes, s2, start[2]);
  store_sums(output + 12u, to, left, lanes, s3, start[3]);
}

// Brings the next 256 voxels of every channel that a workgroup of sixteen reads or writes into the cache, a line to an invocation: a
// CPU fetches sixteen lines at a time so, and otherwise waits for each, since successive channels lie pages apart. The largest value
// is needed by nobody, but a load whose value is not used is not made.
fn touch(group: u32, local: u32, output: u32) {
  let groups = (params.voxels + 63u) / 64u;
  let n = min(group / groups, params.samples - 1u);
  let voxel = min(group % groups * 64u + local * 16u, params.voxels - 1u);
  let from_x = params.x_base + n * params.x_channels * params.voxels + voxel;
  var largest = 0.0;
  for (var i = 0u; i < params.inputs; i++) {
    largest = max(largest, f32(x[from_x + i * params.voxels]));
  }
  let from_y = params.y_base + n * params.y_channels * params.voxels + voxel;
  for (var o = output; o < min(output + 16u, params.outputs); o++) {
    largest = max(largest, f32(y[from_y + o * params.voxels]));
  }
  if (largest == 3.4e38) {
    y[from_y] = Activation(0.0);
  }
}

// Four groups of 64 voxels.
fn multiply_touched(first: u32, local: u32, output: u32, start: mat4x4f) {
  touch(first, local, output);
  for (var group = first; group < first + 4u; group++) {
    multiply(group, local, 16u, output, start);
  }
}

fn biases(output: u32) -> mat4x4f {
  return mat4x4f(bias_of(output), bias_of(output + 4u), bias_of(output + 8u), bias_of(output + 12u));
}

// Workgroups are (groups of voxels folded into x and z, blocks of sixteen outputs in y).
@compute @workgroup_size(16)
fn forward16(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  multiply_touched((id.z * count.x + id.x) * 4u, local, id.y * 16u, biases(id.y * 16u));
}

@compute @workgroup_size(64)
fn forward64(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  multiply(id.z * count.x + id.x, local, 64u, id.y * 16u, biases(id.y * 16u));
}

// Without a bias: sums over further input channels, and the backward-data pass.
@compute @workgroup_size(16)
fn add16(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  multiply_touched((id.z * count.x + id.x) * 4u, local, id.y * 16u, mat4x4f());
}

@compute @workgroup_size(64)
fn add64(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  multiply(id.z * count.x + id.x, local, 64u, id.y * 16u, mat4x4f());
}

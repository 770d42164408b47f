// Transposed convolution, kernel 2, stride 2: every input voxel makes a 2x2x2 cube of output voxels, and cubes do not overlap.
// An invocation computes the cubes of one input voxel in two output channels: 16 sums in registers. A workgroup shares its output
// channels, so weights are uniform; for each input channel one input and 4 vec4 of weights feed 16 multiply-adds.
#import lib/activation
#import lib/source

override ACCUMULATE: bool = false;

struct Params {
  samples: u32,
  inputs: u32, // channels of x that are read
  outputs: u32, // channels computed
  first_output: u32, // of the weight and the bias
  weight_base: u32, // vec4s of the bound window in front of the first input channel
  weight_outputs: u32, // output channels of the weight
  x_base: u32, // elements of the bound window in front of the first channel read
  x_channel: u32, // the first one read
  x_channels: u32, // per sample in x
  y_base: u32,
  y_channels: u32,
  height: u32, // of x
  width: u32,
  depth: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Activation>; // (N, x channels, H, W, D)
@group(0) @binding(1) var<storage, read> weight: array<vec4f>; // (I, O, 2, 2, 2)
@group(0) @binding(2) var<storage, read> bias: array<f32>; // (O)
@group(0) @binding(3) var<storage, read_write> y: array<Activation>; // (N, y channels, 2H, 2W, 2D)
@group(0) @binding(4) var<uniform> params: Params;

// The sums of a cube: four taps (kw, kd) of each kh.
struct Cube {
  top: vec4f,
  bottom: vec4f,
}

fn load(at: u32, channel: vec4f) -> f32 {
  return from_source(f32(x[at]), channel);
}

fn store(at: u32, value: f32) {
  if (ACCUMULATE) {
    y[at] = Activation(f32(y[at]) + value);
  } else {
    y[at] = Activation(value);
  }
}

fn store_square(values: vec4f, at: u32) {
  store(at, values.x);
  store(at + 1u, values.y);
  store(at + 2u * params.depth, values.z);
  store(at + 2u * params.depth + 1u, values.w);
}

fn store_cube(cube: Cube, at: u32) {
  store_square(cube.top, at);
  store_square(cube.bottom, at + 4u * params.width * params.depth);
}

fn convolve(index: u32, output: u32, first: f32, second: f32) {
  let voxels = params.height * params.width * params.depth;
  let n = index / voxels;
  if (n >= params.samples) {
    return;
  }
  let voxel = index % voxels;
  let both = output + 1u < params.outputs;
  let row = params.weight_outputs * 2u;
  var at = params.x_base + n * params.x_channels * voxels + voxel;
  var w = params.weight_base + (params.first_output + output) * 2u;
  // Without a second channel the first one is computed twice.
  let other = select(0u, 2u, both);
  var a = Cube(vec4f(first), vec4f(first));
  var b = Cube(vec4f(second), vec4f(second));
  for (var i = 0u; i < params.inputs; i++) {
    let value = vec4f(load(at, source_channel(params.x_channel + i)));
    a = Cube(fma(value, weight[w], a.top), fma(value, weight[w + 1u], a.bottom));
    b = Cube(fma(value, weight[w + other], b.top), fma(value, weight[w + other + 1u], b.bottom));
    at += voxels;
    w += row;
  }
  let d = voxel % params.depth;
  let place = voxel / params.depth % params.width;
  let h = voxel / (params.depth * params.width);
  let to = params.y_base + (n * params.y_channels + output) * 8u * voxels + ((h * 2u * params.width + place) * 2u * params.depth + d) * 2u;
  store_cube(a, to);
  if (both) {
    store_cube(b, to + 8u * voxels);
  }
}

fn biased(index: u32, output: u32) {
  let at = params.first_output + output;
  convolve(index, output, bias[at], bias[min(at + 1u, params.weight_outputs - 1u)]);
}

// Workgroups are (voxels folded into x and z, pairs of outputs in y). Sixteen invocations fill the vector registers of a CPU; GPUs
// want a full subgroup.
@compute @workgroup_size(16)
fn forward16(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  biased((id.z * count.x + id.x) * 16u + local, id.y * 2u);
}

@compute @workgroup_size(64)
fn forward64(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  biased((id.z * count.x + id.x) * 64u + local, id.y * 2u);
}

// Without the bias: sums over further input channels.
@compute @workgroup_size(16)
fn add16(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  convolve((id.z * count.x + id.x) * 16u + local, id.y * 2u, 0.0, 0.0);
}

@compute @workgroup_size(64)
fn add64(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  convolve((id.z * count.x + id.x) * 64u + local, id.y * 2u, 0.0, 0.0);
}

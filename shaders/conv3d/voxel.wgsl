// Convolution of any cubic size and stride, with bounds checks: what tiled.wgsl does not do (1x1x1, stride 2). With ADJOINT it runs
// from the output's grid back to the input's: the backward-data pass.
// An invocation computes one voxel of 4 output channels. Weights are packed (pack.wgsl) and uniform in a workgroup.
#import lib/activation
#import lib/source

override ACCUMULATE: bool = false;
override ADJOINT: bool = false;

struct Params {
  samples: u32,
  inputs: u32, // channels of x that are read
  outputs: u32, // channels computed
  bias_base: u32, // output channel of the bias that is the first one computed
  size: u32, // of the kernel, along each axis
  stride: u32,
  x_base: u32, // elements of the bound window in front of the first channel read
  x_channel: u32, // the first one read
  x_channels: u32, // per sample in x
  x_height: u32,
  x_width: u32,
  x_depth: u32,
  y_base: u32,
  y_channels: u32,
  y_height: u32,
  y_width: u32,
  y_depth: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Activation>; // (N, x channels, H, W, D)
@group(0) @binding(1) var<storage, read> packed: array<vec4f>; // (O / 4, I, k³)
@group(0) @binding(2) var<storage, read> bias: array<f32>; // (O)
@group(0) @binding(3) var<storage, read_write> y: array<Activation>; // (N, y channels, H', W', D')
@group(0) @binding(4) var<uniform> params: Params;

// The place on x's grid that tap `k` reads for place `at` on y's grid; 0xffffffff where there is none.
fn source(at: u32, k: u32) -> u32 {
  let padding = params.size / 2u;
  if (ADJOINT) {
    let place = at + padding - k;
    return select(0xffffffffu, place / params.stride, place % params.stride == 0u);
  }
  return at * params.stride + k - padding;
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

fn convolve(index: u32, output: u32, start: vec4f) {
  let voxels = params.y_height * params.y_width * params.y_depth;
  let n = index / voxels;
  if (n >= params.samples) {
    return;
  }
  let d = index % params.y_depth;
  let w = index / params.y_depth % params.y_width;
  let h = index % voxels / (params.y_depth * params.y_width);
  let taps = params.size * params.size * params.size;
  let channel = params.x_height * params.x_width * params.x_depth;
  let source_at = params.x_base + n * params.x_channels * channel;
  let weights = output / 4u * params.inputs * taps;
  var sums = start;
  for (var tap = 0u; tap < taps; tap++) {
    let xh = source(h, tap / (params.size * params.size));
    let xw = source(w, tap / params.size % params.size);
    let xd = source(d, tap % params.size);
    if (xh < params.x_height && xw < params.x_width && xd < params.x_depth) {
      var at = source_at + (xh * params.x_width + xw) * params.x_depth + xd;
      for (var i = 0u; i < params.inputs; i++) {
        sums = fma(vec4f(load(at, source_channel(params.x_channel + i))), packed[weights + i * taps + tap], sums);
        at += channel;
      }
    }
  }
  let to = params.y_base + (n * params.y_channels + output) * voxels + index % voxels;
  store(to, sums.x);
  if (output + 1u < params.outputs) {
    store(to + voxels, sums.y);
  }
  if (output + 2u < params.outputs) {
    store(to + 2u * voxels, sums.z);
  }
  if (output + 3u < params.outputs) {
    store(to + 3u * voxels, sums.w);
  }
}

fn bias_of(output: u32) -> vec4f {
  let at = min(output + vec4u(0, 1, 2, 3), vec4u(params.outputs - 1u)) + params.bias_base;
  return vec4f(bias[at.x], bias[at.y], bias[at.z], bias[at.w]);
}

// Workgroups are (voxels folded into x and z, blocks of four outputs in y), as in tiled.wgsl.
@compute @workgroup_size(16)
fn forward16(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  convolve((id.z * count.x + id.x) * 16u + local, id.y * 4u, bias_of(id.y * 4u));
}

@compute @workgroup_size(64)
fn forward64(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  convolve((id.z * count.x + id.x) * 64u + local, id.y * 4u, bias_of(id.y * 4u));
}

@compute @workgroup_size(16)
fn add16(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  convolve((id.z * count.x + id.x) * 16u + local, id.y * 4u, vec4f());
}

@compute @workgroup_size(64)
fn add64(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  convolve((id.z * count.x + id.x) * 64u + local, id.y * 4u, vec4f());
}

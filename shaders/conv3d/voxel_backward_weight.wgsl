// d(weight) of a convolution of any cubic size and stride, with bounds checks: what backward_weight.wgsl does not do. First stage,
// one partial sum per chunk of voxels.
// A workgroup computes one tap of four input and four output channels over the voxels of its chunk; its invocations take
// the voxels in turn (8 loads feed 16 multiply-adds) and are added in order at the end.
#import lib/activation
#import lib/source

struct Params {
  samples: u32,
  inputs: u32, // channels of x that are read
  outputs: u32, // channels of dy that are read
  size: u32, // of the kernel, along each axis
  stride: u32,
  x_base: u32, // elements of the bound window in front of the first channel read
  x_channel: u32, // the first one read
  x_channels: u32, // per sample in x
  x_height: u32,
  x_width: u32,
  x_depth: u32,
  dy_base: u32,
  dy_channels: u32,
  dy_height: u32,
  dy_width: u32,
  dy_depth: u32,
  chunk_voxels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Activation>; // (N, x channels, H, W, D)
@group(0) @binding(1) var<storage, read> dy: array<Activation>; // (N, dy channels, H', W', D')
@group(0) @binding(2) var<storage, read_write> partials: array<f32>; // (chunks, O, I, k³)
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> sums: array<vec4f, 256>; // (4 inputs, invocations), each a vector over outputs

fn load(at: u32, channel: vec4f) -> f32 {
  return from_source(f32(x[at]), channel);
}

fn put(output: u32, to: u32, value: f32) {
  if (output < params.outputs) {
    partials[to] = value;
  }
}

// Workgroups are ((block of four inputs, tap), block of four outputs, chunk).
fn correlate(id: vec3u, local: u32, lanes: u32) {
  let taps = params.size * params.size * params.size;
  let input = id.x / taps * 4u;
  let tap = id.x % taps;
  let k = vec3u(tap / (params.size * params.size), tap / params.size % params.size, tap % params.size);
  let output = id.y * 4u;
  let x_voxels = params.x_height * params.x_width * params.x_depth;
  let voxels = params.dy_height * params.dy_width * params.dy_depth;
  // Channels past the last read the last; their sums are not stored.
  let inputs = min(input + vec4u(0, 1, 2, 3), vec4u(params.inputs - 1u));
  let source_at = inputs * x_voxels + params.x_base;
  let channels = inputs + params.x_channel;
  let channel0 = source_channel(channels.x);
  let channel1 = source_channel(channels.y);
  let channel2 = source_channel(channels.z);
  let channel3 = source_channel(channels.w);
  let at = min(output + vec4u(0, 1, 2, 3), vec4u(params.outputs - 1u)) * voxels + params.dy_base;
  let first = id.z * params.chunk_voxels;
  let last = min(first + params.chunk_voxels, params.samples * voxels);
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var index = first + local; index < last; index += lanes) {
    let n = index / voxels;
    let voxel = index % voxels;
    let d = voxel % params.dy_depth;
    let w = voxel / params.dy_depth % params.dy_width;
    let h = voxel / (params.dy_depth * params.dy_width);
    let place = vec3u(h, w, d) * params.stride + k - params.size / 2u; // below zero wraps round
    if (place.x < params.x_height && place.y < params.x_width && place.z < params.x_depth) {
      let p = n * params.x_channels * x_voxels + (place.x * params.x_width + place.y) * params.x_depth + place.z;
      let q = n * params.dy_channels * voxels + voxel;
      let g = vec4f(vec4(dy[q + at.x], dy[q + at.y], dy[q + at.z], dy[q + at.w]));
      s0 = fma(g, vec4f(load(p + source_at.x, channel0)), s0);
      s1 = fma(g, vec4f(load(p + source_at.y, channel1)), s1);
      s2 = fma(g, vec4f(load(p + source_at.z, channel2)), s2);
      s3 = fma(g, vec4f(load(p + source_at.w, channel3)), s3);
    }
  }
  sums[local] = s0;
  sums[lanes + local] = s1;
  sums[2u * lanes + local] = s2;
  sums[3u * lanes + local] = s3;
  workgroupBarrier();
  if (local < 4u && input + local < params.inputs) {
    var sum = vec4f();
    for (var lane = 0u; lane < lanes; lane++) {
      sum += sums[local * lanes + lane];
    }
    let row = params.inputs * taps;
    let to = (id.z * params.outputs + output) * row + (input + local) * taps + tap;
    put(output, to, sum.x);
    put(output + 1u, to + row, sum.y);
    put(output + 2u, to + 2u * row, sum.z);
    put(output + 3u, to + 3u * row, sum.w);
  }
}

@compute @workgroup_size(16)
fn main16(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  correlate(id, local, 16u);
}

@compute @workgroup_size(64)
fn main64(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  correlate(id, local, 64u);
}

// Convolution of any cubic size and stride, with bounds checks: what tiled.wgsl does not do (1x1x1, stride 2). With ADJOINT it runs
// from the output's grid back to the input's: the backward-data pass.
// An invocation computes one voxel of 4 output channels. Weights are packed (pack.wgsl) and uniform in a workgroup.
#import lib/conv3d_bias
#import lib/conv3d_output
#import lib/lanes
#import lib/load_source
#import lib/volume

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
  x_volume: vec3u, // H, W, D
  y_base: u32,
  y_channels: u32,
  y_volume: vec3u,
}

@group(0) @binding(1) var<storage, read> packed: array<vec4f>; // (O / 4, I, k³)
@group(0) @binding(2) var<uniform> params: Params;

// The voxel of x that tap `k` reads for voxel `at` of y; far above any axis where there is none.
fn source(at: vec3u, k: vec3u) -> vec3u {
  let padding = params.size / 2u;
  if (ADJOINT) {
    let place = at + padding - k;
    return select(vec3u(0xffffffffu), place / params.stride, place % params.stride == vec3u());
  }
  return at * params.stride + k - padding;
}

fn convolve(index: u32, output: u32, start: vec4f) {
  let voxels = volume_voxels(params.y_volume);
  let n = index / voxels;
  if (n >= params.samples) {
    return;
  }
  let place = voxel_axes(index % voxels, params.y_volume);
  let taps = params.size * params.size * params.size;
  let channel = volume_voxels(params.x_volume);
  let source_at = params.x_base + n * params.x_channels * channel;
  let weights = output / 4u * params.inputs * taps;
  var sums = start;
  for (var tap = 0u; tap < taps; tap++) {
    let near = source(place, voxel_axes(tap, vec3u(params.size)));
    if (all(near < params.x_volume)) {
      var at = source_at + voxel_index(vec3i(near), params.x_volume);
      for (var i = 0u; i < params.inputs; i++) {
        sums = fma(vec4f(load(at, source_channel(params.x_channel + i))), packed[weights + i * taps + tap], sums);
        at += channel;
      }
    }
  }
  let to = params.y_base + (n * params.y_channels + output) * voxels + index % voxels;
  store_four(to, voxels, count_left(output, params.outputs), sums);
}

// Workgroups are (voxels folded into x and z, blocks of four outputs in y).
@compute @workgroup_size(LANES)
fn forward(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  convolve(lane_index(id, count, local), id.y * 4u, bias_of(id.y * 4u));
}

@compute @workgroup_size(LANES)
fn add(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  convolve(lane_index(id, count, local), id.y * 4u, vec4f());
}

// Convolution of any cubic size and stride, with bounds checks, for what tiled.wgsl does not support (1x1x1, stride 2). With ADJOINT it
// maps the output's grid back to the input's: the backward-data pass.
// An invocation computes one voxel of 4 output channels. Weights are packed (pack.wgsl) and uniform in a workgroup.
#import lib/conv3d/output
#import lib/conv3d/share
#import lib/conv3d/folded
#import lib/load_source
#import lib/volume

override ADJOINT: bool = false;

struct Params {
  share: Share,
  @align(16) size: u32, // of the kernel, along each axis
  stride: u32,
  @align(16) source: SourceParams,
  x_volume: vec3u, // H, W, D
  y_volume: vec3u,
}

@group(0) @binding(1) var<storage, read> packed: array<vec4f>; // (O / 4, I, k³)
@group(0) @binding(2) var<uniform> params: Params;

// The voxel of x that tap `k` reads for voxel `at` of y; above any axis length if there is none.
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
  if (n >= params.share.samples) {
    return;
  }
  let place = voxel_axes(index % voxels, params.y_volume);
  let taps = params.size * params.size * params.size;
  let channel = volume_voxels(params.x_volume);
  let source_at = params.source.x_base + n * params.source.x_channels * channel;
  let weights = output / 4u * params.share.inputs * taps;
  var sums = start;
  for (var tap = 0u; tap < taps; tap++) {
    let near = source(place, voxel_axes(tap, vec3u(params.size)));
    if (all(near < params.x_volume)) {
      var at = source_at + voxel_index(vec3i(near), params.x_volume);
      for (var i = 0u; i < params.share.inputs; i++) {
        sums = fma(vec4f(load(at, source_channel(params.source.x_channel + i))), packed[weights + i * taps + tap], sums);
        at += channel;
      }
    }
  }
  let to = params.share.y_base + (n * params.share.y_channels + output) * voxels + index % voxels;
  store_four(to, voxels, count_left(output, params.share.outputs), sums);
}

// Workgroups are (voxels folded into x and z, blocks of four outputs in y).
@compute @workgroup_size(WORKGROUP)
fn forward(at: Invocation) {
  convolve(folded_index(at), at.group.y * 4u, bias_of(at.group.y * 4u));
}

@compute @workgroup_size(WORKGROUP)
fn add(at: Invocation) {
  convolve(folded_index(at), at.group.y * 4u, vec4f());
}

// d(bias) of a convolution: first stage, one partial sum per chunk of voxels and output channel.
// An invocation sums one channel over one chunk in order; neighbouring invocations hold neighbouring chunks.
#import lib/activation
#import lib/grid

struct Params {
  samples: u32,
  channels: u32, // read of dy
  voxels: u32,
  dy_base: u32, // first channel read, in elements of the bound window
  dy_channels: u32, // per sample in dy
  chunks: u32,
  chunk_voxels: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<Activation>; // (N, dy channels, V)
@group(0) @binding(1) var<storage, read_write> partials: array<f32>; // (chunks, channels)
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let index = index_of(at);
  let channel = index / params.chunks;
  if (channel >= params.channels) {
    return;
  }
  let chunk = index % params.chunks;
  let first = chunk * params.chunk_voxels;
  let last = min(first + params.chunk_voxels, params.voxels);
  var sum = 0.0;
  for (var n = 0u; n < params.samples; n++) {
    let source_at = params.dy_base + (n * params.dy_channels + channel) * params.voxels;
    for (var voxel = first; voxel < last; voxel++) {
      sum += f32(dy[source_at + voxel]);
    }
  }
  partials[chunk * params.channels + channel] = sum;
}

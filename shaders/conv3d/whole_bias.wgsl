// d(bias) of a convolution over a small volume, for GPUs: one stage, a workgroup per channel. An invocation sums every 256th voxel in
// order; the workgroup adds its invocations in a fixed tree.
#import lib/activation

override ACCUMULATE: bool = false;

struct Params {
  samples: u32,
  voxels: u32,
  dy_base: u32, // first channel read, in elements of the bound window
  dy_channels: u32, // per sample in dy
  first: u32, // channel of the gradient for the first one read
}

@group(0) @binding(0) var<storage, read> dy: array<Activation>; // (N, dy channels, V)
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>; // (O)
@group(0) @binding(2) var<uniform> params: Params;

const LANES = 256u;
var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var n = 0u; n < params.samples; n++) {
    let source_at = params.dy_base + (n * params.dy_channels + id.x) * params.voxels;
    for (var voxel = local; voxel < params.voxels; voxel += LANES) {
      sum += f32(dy[source_at + voxel]);
    }
  }
  sums[local] = sum;
  for (var stride = LANES / 2u; stride > 0u; stride >>= 1u) {
    workgroupBarrier();
    if (local < stride) {
      sums[local] += sums[local + stride];
    }
  }
  if (local == 0u) {
    let to = params.first + id.x;
    gradient[to] = select(sums[0], gradient[to] + sums[0], ACCUMULATE);
  }
}

// d(weight) of a convolution of any cubic size and stride, with bounds checks, for what backward_weight.wgsl does not support. First
// stage, one partial sum per chunk of voxels.
// A workgroup computes one tap of four input and four output channels over the voxels of its chunk; its invocations take
// the voxels in turn (8 loads feed 16 multiply-adds) and are added in order at the end.
#import lib/conv3d/gradient
#import lib/load_source
#import lib/volume
#import lib/workgroup_vectors

struct Params {
  samples: u32,
  inputs: u32, // channels read of x
  outputs: u32, // channels read of dy
  size: u32, // of the kernel, along each axis
  stride: u32,
  @align(16) source: SourceParams,
  x_volume: vec3u, // H, W, D
  dy_base: u32,
  dy_channels: u32,
  dy_volume: vec3u,
  chunk_voxels: u32,
}

@group(0) @binding(1) var<storage, read> dy: array<Activation>; // (N, dy channels, H', W', D')
@group(0) @binding(2) var<uniform> params: Params;

const VECTORS = 4u; // one per input, each over outputs

// Workgroups are ((block of four inputs, tap), block of four outputs, chunk).
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let taps = params.size * params.size * params.size;
  let input = id.x / taps * 4u;
  let tap = id.x % taps;
  let shift = voxel_axes(tap, vec3u(params.size)) - params.size / 2u; // wraps around below zero
  let output = id.y * 4u;
  let x_voxels = volume_voxels(params.x_volume);
  let voxels = volume_voxels(params.dy_volume);
  // Channels beyond the last read the last one; their sums are not stored.
  let inputs = min(input + vec4u(0, 1, 2, 3), vec4u(params.inputs - 1u));
  let source_at = inputs * x_voxels + params.source.x_base;
  let channels = inputs + params.source.x_channel;
  #repeat i: 0..4
  let channel$i = source_channel(channels[$i]);
  var sum$i = vec4f();
  #end
  let at = min(output + vec4u(0, 1, 2, 3), vec4u(params.outputs - 1u)) * voxels + params.dy_base;
  let first = id.z * params.chunk_voxels;
  let last = min(first + params.chunk_voxels, params.samples * voxels);
  for (var index = first + local; index < last; index += WORKGROUP) {
    let n = index / voxels;
    let voxel = index % voxels;
    let place = voxel_axes(voxel, params.dy_volume) * params.stride + shift;
    if (all(place < params.x_volume)) {
      let p = n * params.source.x_channels * x_voxels + voxel_index(vec3i(place), params.x_volume);
      let q = n * params.dy_channels * voxels + voxel;
      let g = vec4f(vec4(dy[q + at.x], dy[q + at.y], dy[q + at.z], dy[q + at.w]));
      #repeat i: 0..4
      sum$i = fma(g, vec4f(load(p + source_at[$i], channel$i)), sum$i);
      #end
    }
  }
  #repeat i: 0..4
  put($i, local, sum$i);
  #end
  workgroupBarrier();
  if (local < VECTORS && input + local < params.inputs) {
    let row = params.inputs * taps;
    let to = (id.z * params.outputs + output) * row + (input + local) * taps + tap;
    store_four(to, row, count_left(output, params.outputs), total(local));
  }
}

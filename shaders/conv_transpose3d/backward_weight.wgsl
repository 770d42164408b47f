// d(weight) of the transposed convolution, kernel 2, stride 2: first stage, one partial sum per chunk of voxels.
// A workgroup computes the 8 taps of four input channels and one output channel over the voxels of its chunk; its invocations
// take the voxels in turn (12 loads feed 32 multiply-adds) and are added in order at the end.
#import lib/conv3d/gradient
#import lib/cube_gradient
#import lib/load_source
#import lib/workgroup_vectors

struct Params {
  share: CubeShare,
  @align(16) source: SourceParams,
  @align(16) dy_base: u32,
  dy_channels: u32,
  chunk_voxels: u32,
}

@group(0) @binding(1) var<uniform> params: Params;

const VECTORS = 8u; // (4 inputs, 2 halves of the taps)

// Workgroups are (block of four inputs, output, chunk).
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let input = id.x * 4u;
  let voxels = volume_voxels(params.share.volume);
  // Channels beyond the last read the last one; their sums are not stored.
  let inputs = min(input + vec4u(0, 1, 2, 3), vec4u(params.share.inputs - 1u));
  let planes = inputs * voxels + params.source.x_base;
  let channels = inputs + params.source.x_channel;
  #repeat i: 0..4
  let channel$i = source_channel(channels[$i]);
  var sum$i = Cube();
  #end
  let first = id.z * params.chunk_voxels;
  let last = min(first + params.chunk_voxels, params.share.samples * voxels);
  for (var index = first + local; index < last; index += WORKGROUP) {
    let n = index / voxels;
    let voxel = index % voxels;
    let g = load_cube(params.dy_base + (n * params.dy_channels + id.y) * 8u * voxels + cube_at(voxel));
    let p = planes + n * params.source.x_channels * voxels + voxel;
    #repeat i: 0..4
    let value$i = vec4f(load(p[$i], channel$i));
    sum$i = Cube(fma(g.top, value$i, sum$i.top), fma(g.bottom, value$i, sum$i.bottom));
    #end
  }
  #repeat i: 0..4
  put(2 * $i, local, sum$i.top);
  put(2 * $i + 1, local, sum$i.bottom);
  #end
  workgroupBarrier();
  let own = input + local / 2u;
  if (local < VECTORS && own < params.share.inputs) {
    let half = ((id.z * params.share.inputs + own) * params.share.outputs + id.y) * 2u + local % 2u;
    store_four(half * 4u, 1u, 4u, total(local));
  }
}

// Copies channels of x into a brick with zero padding around each volume, so that the convolution needs no bounds checks. A deferred
// batch norm is applied before padding, so the border is zero. Concatenation happens here too: each source fills its own channels.
// An invocation writes one element of the brick.
#import lib/grid
#import lib/load_source

struct Params {
  samples: u32,
  channels: u32, // copied
  @align(16) source: SourceParams,
  @align(16) brick_channels: u32,
  brick_channel: u32, // first channel written
  height: u32,
  width: u32,
  depth: u32,
  brick_height: u32, // height + 2, rounded up to whole tiles of outputs
  brick_width: u32,
  brick_depth: u32,
}

@group(0) @binding(1) var<storage, read_write> brick: array<Activation>; // (N, brick C, brick H, brick W, brick D)
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let index = index_of(at);
  let area = params.brick_width * params.brick_depth;
  let brick_voxels = params.brick_height * area;
  let plane = index / brick_voxels;
  if (plane >= params.samples * params.channels) {
    return;
  }
  let voxel = index % brick_voxels;
  // Below the volume, coordinates wrap around to values above any axis length.
  let h = voxel / area - 1u;
  let w = voxel % area / params.brick_depth - 1u;
  let d = voxel % params.brick_depth - 1u;
  let n = plane / params.channels;
  let c = plane % params.channels;
  var value = 0.0;
  if (h < params.height && w < params.width && d < params.depth) {
    let row = ((n * params.source.x_channels + c) * params.height + h) * params.width + w;
    value = load(params.source.x_base + row * params.depth + d, source_channel(params.source.x_channel + c));
  }
  brick[(n * params.brick_channels + params.brick_channel + c) * brick_voxels + voxel] = Activation(value);
}

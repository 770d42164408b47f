// pad.wgsl for a CPU, which divides integers one invocation at a time: a workgroup copies a row along D, so that the divisions are
// by values that all its invocations share.
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
  brick_height: u32, // at least height + 2
  brick_width: u32,
  brick_depth: u32,
}

@group(0) @binding(1) var<storage, read_write> brick: array<Activation>; // (N, brick C, brick H, brick W, brick D)
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Workgroup, @builtin(local_invocation_index) local: u32) {
  let row = workgroup_of(at);
  let rows = params.brick_height * params.brick_width;
  let plane = row / rows;
  if (plane >= params.samples * params.channels) {
    return;
  }
  let n = plane / params.channels;
  let c = plane % params.channels;
  // Below the volume, coordinates wrap around to values above any axis length.
  let h = row % rows / params.brick_width - 1u;
  let w = row % params.brick_width - 1u;
  let inside = h < params.height && w < params.width;
  let line = ((n * params.source.x_channels + c) * params.height + min(h, params.height - 1u)) * params.width;
  let start = params.source.x_base + (line + min(w, params.width - 1u)) * params.depth;
  let to = ((n * params.brick_channels + params.brick_channel + c) * rows + row % rows) * params.brick_depth;
  let channel = source_channel(params.source.x_channel + c);
  for (var d = local; d < params.brick_depth; d += WORKGROUP) {
    let value = load(start + min(max(d, 1u) - 1u, params.depth - 1u), channel);
    brick[to + d] = Activation(select(0.0, value, inside && d - 1u < params.depth));
  }
}

// Channels counted over two sources, x and optionally `other`. If one of them needs a batch norm on load, it is x.
#import lib/load_source

// Which channels of the two sources are read; the importing shader's Params has this as `sources`, and SourceParams of x as `source`.
struct Sources {
  x_start: u32, // slab channel of x's first one
  x_inputs: u32,
  other_start: u32,
  other_base: u32,
  other_channels: u32,
}

@group(0) @binding(1) var<storage, read> other: array<Activation>; // (N, other channels, H, W, D); x again when there is no other

fn source_of(channel: u32) -> vec4f {
  let s = params.sources;
  return source_channel(params.source.x_channel + min(channel - s.x_start, s.x_inputs - 1u));
}

// `normalisation` is `source_of` the channel.
fn load_channel(sample: u32, channel: u32, at: u32, normalisation: vec4f) -> f32 {
  let s = params.sources;
  let voxels = params.height * params.width * params.depth;
  let own = channel - s.x_start; // at least x_inputs if the channel belongs to `other`
  if (own < s.x_inputs) {
    return load(params.source.x_base + (sample * params.source.x_channels + own) * voxels + at, normalisation);
  }
  return f32(other[s.other_base + (sample * s.other_channels + channel - s.other_start) * voxels + at]);
}

// The tiles of a sample along each axis. The importing shader defines TILE_H, TILE_W and TILE_D in voxels.
fn tiles() -> vec3u {
  let tile = vec3u(TILE_H, TILE_W, TILE_D);
  return (vec3u(params.height, params.width, params.depth) + tile - 1u) / tile;
}

// The first voxel of a tile.
fn origin_of(tile: u32) -> vec3u {
  let count = tiles();
  let place = vec3u(tile / (count.y * count.z) % count.x, tile / count.z % count.y, tile % count.z);
  return place * vec3u(TILE_H, TILE_W, TILE_D);
}

fn sample_of(tile: u32) -> u32 {
  let count = tiles();
  return tile / (count.x * count.y * count.z);
}

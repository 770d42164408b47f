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

// Four neighbours along W.
struct Quad {
  at: u32, // position of the first in a channel; modulo 2^32 below the volume
  inside: u32, // a bit for each that is inside the volume
}

// Coordinates are modulo 2^32, so that those below the volume are above any axis length. Of the four, the first `width` may be inside.
fn quad_at(h: u32, w: u32, d: u32, width: u32) -> Quad {
  let steps = vec4u(0, 1, 2, 3);
  let inside = (w + steps < vec4u(params.width)) & (steps < vec4u(width));
  let bits = dot(select(vec4u(), vec4u(1, 2, 4, 8), inside), vec4u(1));
  return Quad((h * params.width + w) * params.depth + d, select(0u, bits, h < params.height && d < params.depth));
}

// Zero outside. A channel of x may be normalised on load.
fn load_quad(sample: u32, channel: u32, quad: Quad) -> vec4f {
  let s = params.sources;
  let voxels = params.height * params.width * params.depth;
  let own = channel - s.x_start; // at least x_inputs if the channel belongs to `other`
  var values: vec4f;
  if (own < s.x_inputs) {
    let normalisation = source_channel(params.source.x_channel + own);
    let at = params.source.x_base + (sample * params.source.x_channels + own) * voxels + quad.at;
    #repeat i: 0..4
    if ((quad.inside & (1u << ${i}u)) != 0u) {
      values[$i] = load(at + $i * params.depth, normalisation);
    }
    #end
  } else {
    let at = s.other_base + (sample * s.other_channels + channel - s.other_start) * voxels + quad.at;
    #repeat i: 0..4
    if ((quad.inside & (1u << ${i}u)) != 0u) {
      values[$i] = f32(other[at + $i * params.depth]);
    }
    #end
  }
  return values;
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

// Winograd, first stage: an activation → (EDGE + 2)³ numbers, one per frequency, for every tile of EDGE³ outputs. `patches` takes the
// (EDGE + 2)³ voxels that a tile of outputs depends on, overlapping by two, x → V = Bᵀ x along each axis; `tiles` takes the gradients of
// the tile itself, dy → dM = A dy. The matrices are those of lib/winograd/edge2 and lib/winograd/edge4.
// An invocation transforms one tile of one channel. `tiles_by_channel` is `tiles` with the channels innermost.
// Results are in blocks of `block_tiles` tiles (D fastest), so that a block of one frequency is contiguous. Tiles beyond the last are
// zero.
#import lib/grid
#import lib/load_source
#import lib/winograd/edge${EDGE}_input
#import lib/winograd/tiles

const EDGE = ${EDGE}u; // voxels along an edge of a tile
const FREQUENCIES = (EDGE + 2u) * (EDGE + 2u) * (EDGE + 2u);

struct Params {
  grid: TileGrid,
  @align(16) channels: u32, // transformed
  @align(16) source: SourceParams,
  @align(16) v_channel: u32, // first channel written
  v_channels: u32,
}

@group(0) @binding(1) var<storage, read_write> v: array<f32>; // (FREQUENCIES, blocks, I, block tiles)
@group(0) @binding(2) var<uniform> params: Params;

// Normalisation of the invocation's channel.
var<private> channel_read: vec4f;

// Tiles beyond the last become zero here.
fn place_of(channel: u32, place: u32, to: u32) -> Place {
  let tile = params.grid.first_tile + place;
  let exists = channel < params.channels && place < params.grid.blocks * params.grid.block_tiles;
  let valid = exists && tile < params.grid.tiles;
  if (exists && !valid) {
    for (var frequency = 0u; frequency < FREQUENCIES; frequency++) {
      v[to + frequency * params.grid.frequency_stride] = 0.0;
    }
  }
  channel_read = source_channel(params.source.x_channel + min(channel, params.channels - 1u));
  let corner = corner_of(tile);
  let voxels = params.grid.height * params.grid.width * params.grid.depth;
  let base = params.source.x_base + (corner.x * params.source.x_channels + channel) * voxels;
  return Place(valid, corner.y, corner.z, corner.w, base, to);
}

// Neighbouring invocations compute neighbouring tiles; V is (FREQUENCIES, blocks, I, block tiles).
fn tile_innermost(index: u32) -> Place {
  let places = params.grid.blocks * params.grid.block_tiles;
  let channel = index / places;
  let place = index % places;
  let row = place / params.grid.block_tiles * params.v_channels + params.v_channel + channel;
  return place_of(channel, place, row * params.grid.block_tiles + place % params.grid.block_tiles);
}

// Neighbouring invocations compute neighbouring tiles, sixteen neighbouring workgroups neighbouring channels; dM is (FREQUENCIES, blocks,
// block tiles, O). A CPU's cache thus collects the lines of sixteen channels. With sixteen channels in one workgroup, the planes would
// often be a power of two of bytes apart and map to the same cache set.
fn channel_innermost(index: u32) -> Place {
  let strips = params.grid.blocks * params.grid.block_tiles / 16u; // of sixteen tiles
  let strip = index / 256u % strips;
  let channel = index / (256u * strips) * 16u + index / 16u % 16u;
  let place = strip * 16u + index % 16u;
  return place_of(channel, place, place * params.v_channels + params.v_channel + channel);
}

fn load_voxel(at: u32) -> f32 {
  return load(at, channel_read);
}

fn store(at: u32, value: f32) {
  v[at] = value;
}

@compute @workgroup_size(16)
fn patches(at: Invocation) {
  let p = tile_innermost(linear_index(at, 16u));
  if (p.valid) {
    transform_patch(p);
  }
}

fn spread(p: Place) {
  if (p.valid) {
    spread_tile(p);
  }
}

@compute @workgroup_size(16)
fn tiles(at: Invocation) {
  spread(tile_innermost(linear_index(at, 16u)));
}

@compute @workgroup_size(16)
fn tiles_by_channel(at: Invocation) {
  spread(channel_innermost(linear_index(at, 16u)));
}

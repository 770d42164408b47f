// Winograd, first stage: an activation → (EDGE + 2)³ numbers, one per frequency, for every tile of EDGE³ outputs. `patches` takes the
// (EDGE + 2)³ voxels that a tile of outputs depends on, overlapping by two, x → V = Bᵀ x along each axis; `tiles` takes the gradients of
// the tile itself, dy → dM = A dy. The matrices are those of lib/winograd2 and lib/winograd4.
// An invocation transforms one tile of one channel. `tiles_by_channel` is `tiles` with the channels innermost.
// Results lie in blocks of `block_tiles` tiles (D fastest), so that a block of one frequency is contiguous; tiles past the last are
// zeros.
#import lib/activation
#import lib/grid
#import lib/source
#import lib/winograd${EDGE}_input

const EDGE = ${EDGE}u; // voxels along an edge of a tile
const FREQUENCIES = (EDGE + 2u) * (EDGE + 2u) * (EDGE + 2u);

struct Params {
  channels: u32, // transformed
  x_base: u32, // elements of the bound window in front of the first of them
  x_channel: u32, // the first one transformed
  x_channels: u32, // per sample in x
  height: u32,
  width: u32,
  depth: u32,
  tiles: u32, // of all samples
  first_tile: u32, // of V
  blocks: u32,
  block_tiles: u32,
  v_channel: u32, // the first one written
  v_channels: u32,
  frequency_stride: u32, // elements of V between two frequencies
}

@group(0) @binding(0) var<storage, read> x: array<Activation>; // (N, x channels, H, W, D)
@group(0) @binding(1) var<storage, read_write> v: array<f32>; // (FREQUENCIES, blocks, I, block tiles)
@group(0) @binding(2) var<uniform> params: Params;

// What the invocation's channel is read with.
var<private> channel_read: vec4f;

// Where an invocation reads and writes.
struct Place {
  valid: bool,
  h: u32,
  w: u32,
  d: u32,
  base: u32,
  to: u32,
}

// Tiles past the last get their zeros here.
fn place_of(channel: u32, place: u32, to: u32) -> Place {
  let tile = params.first_tile + place;
  let exists = channel < params.channels && place < params.blocks * params.block_tiles;
  let valid = exists && tile < params.tiles;
  if (exists && !valid) {
    for (var frequency = 0u; frequency < FREQUENCIES; frequency++) {
      v[to + frequency * params.frequency_stride] = 0.0;
    }
  }
  channel_read = source_channel(params.x_channel + min(channel, params.channels - 1u));
  let tiles_d = (params.depth + EDGE - 1u) / EDGE;
  let tiles_w = (params.width + EDGE - 1u) / EDGE;
  let tiles_h = (params.height + EDGE - 1u) / EDGE;
  let n = tile / (tiles_d * tiles_w * tiles_h);
  let base = params.x_base + (n * params.x_channels + channel) * params.height * params.width * params.depth;
  let h = tile / (tiles_d * tiles_w) % tiles_h * EDGE;
  return Place(valid, h, tile / tiles_d % tiles_w * EDGE, tile % tiles_d * EDGE, base, to);
}

// Neighbouring invocations hold neighbouring tiles; V is (FREQUENCIES, blocks, I, block tiles).
fn tile_innermost(index: u32) -> Place {
  let places = params.blocks * params.block_tiles;
  let channel = index / places;
  let place = index % places;
  let row = place / params.block_tiles * params.v_channels + params.v_channel + channel;
  return place_of(channel, place, row * params.block_tiles + place % params.block_tiles);
}

// Neighbouring invocations hold neighbouring tiles, sixteen neighbouring workgroups neighbouring channels; dM is (FREQUENCIES, blocks,
// block tiles, O). So a CPU's cache collects the lines of sixteen channels; sixteen channels in one workgroup would read planes that
// are often a power of two of bytes apart, all of which fall into one set of the cache.
fn channel_innermost(index: u32) -> Place {
  let strips = params.blocks * params.block_tiles / 16u; // of sixteen tiles
  let strip = index / 256u % strips;
  let channel = index / (256u * strips) * 16u + index / 16u % 16u;
  let place = strip * 16u + index % 16u;
  return place_of(channel, place, place * params.v_channels + params.v_channel + channel);
}

fn load(at: u32) -> f32 {
  return from_source(f32(x[at]), channel_read);
}

fn store(at: u32, value: f32) {
  v[at] = value;
}

@compute @workgroup_size(16)
fn patches(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let p = tile_innermost(linear_index(id, count, local, 16u));
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
fn tiles(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  spread(tile_innermost(linear_index(id, count, local, 16u)));
}

@compute @workgroup_size(16)
fn tiles_by_channel(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  spread(channel_innermost(linear_index(id, count, local, 16u)));
}

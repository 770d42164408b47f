// Shared by the convolutions on subgroup matrices: a tile of voxels with its halo, rounded to f16 in workgroup memory.
//
// A brick is a sequence of positions: rows of `pitch` along D, planes of rows along W. A matrix of voxels is a run of RUN consecutive
// positions, and a tap of the kernel shifts all of them equally; results for positions outside the tile are discarded.
// The pitch is the tile's depth and a halo on both sides, or, where a tile is as deep as the volume, one position more than that: a
// zero between two rows is the border of both.
//
// Matrices are left (M, K) · right (K, N). PITCH, in elements between two positions, must be a multiple of 8: loads of matrices are
// aligned to 16 bytes.
#import lib/activation
#import lib/source

enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
// Subgroups load different matrices; uniformity analysis cannot tell that from divergent lanes.
diagnostic(off, chromium.subgroup_matrix_uniformity);

const M = ${EDGE}u;
const N = ${EDGE}u;
const K = ${EDGE}u;
const RUN = ${EDGE}u;
const INVOCATIONS = ${INVOCATIONS}u; // of a workgroup
const POSITIONS = ${POSITIONS}u; // of a brick, at most
const PITCH = ${PITCH}u;

override SIZE: u32 = 3u; // of the kernel along each axis
override SECOND_SOURCE: bool = false; // which of the two inputs lib/source normalises

alias Left = subgroup_matrix_left<f16, K, M>;
alias Right = subgroup_matrix_right<f16, N, K>;
alias Result = subgroup_matrix_result<f32, N, M>;

struct Params {
  volume: vec3u, // H, W, D of x and y alike
  tile: vec3u, // voxels of a tile
  tiles: vec3u, // of a sample
  all_tiles: u32, // of all samples
  pitch: u32, // positions of a row of the brick
  plane: u32, // positions of a plane
  positions: u32, // of a brick
  runs: u32, // of a plane of the tile
  run_step: u32, // positions from one run to the next
  inputs: u32, // channels of x and the second input
  x_channels: u32,
  x_base: u32, // first sample, in elements of the bound window
  second_base: u32,
  outputs: u32, // channels of y that are computed
  y_channels: u32, // per sample
  y_base: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Activation>; // (N, x channels, H, W, D)
@group(0) @binding(1) var<storage, read> second: array<Activation>; // (N, inputs - x channels, H, W, D); x again where there is none
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> brick: array<f16, POSITIONS * PITCH>;

// A tile: its sample and its first voxel.
struct Tile {
  sample: u32,
  first: vec3u,
}

fn tile_of(index: u32) -> Tile {
  let count = params.tiles.x * params.tiles.y * params.tiles.z;
  let row = index % count / params.tiles.z;
  return Tile(index / count, params.tile * vec3u(row / params.tiles.y, row % params.tiles.y, index % params.tiles.z));
}

fn voxels() -> u32 {
  return params.volume.x * params.volume.y * params.volume.z;
}

fn voxel_index(voxel: vec3u) -> u32 {
  return (voxel.x * params.volume.y + voxel.y) * params.volume.z + voxel.z;
}

// Loads an activation. `channel` counts over x and the second input; one of them may be normalised on load.
fn load(sample: u32, channel: u32, voxel: u32) -> f32 {
  if (channel < params.x_channels) {
    let value = f32(x[params.x_base + (sample * params.x_channels + channel) * voxels() + voxel]);
    if (SECOND_SOURCE) {
      return value;
    }
    return from_source(value, source_channel(channel));
  }
  if (channel < params.inputs) {
    let own = channel - params.x_channels;
    let at = sample * (params.inputs - params.x_channels) + own;
    let value = f32(second[params.second_base + at * voxels() + voxel]);
    if (SECOND_SOURCE) {
      return from_source(value, source_channel(own));
    }
    return value;
  }
  return 0.0;
}

// Fills the brick, whose position 0 is the voxel `corner`, with some channels, a multiple of 8. Coordinates below the volume
// wrap around to values above any axis length. An invocation takes 8 channels of a position, so that 8 loads are in flight.
// f32 values too large for f16 become infinite, so that loss scaling detects them.
fn fill_brick(sample: u32, corner: vec3u, first_channel: u32, channels: u32, local: u32) {
  for (var item = local; item < params.positions * (channels / 8u); item += INVOCATIONS) {
    let position = item % params.positions;
    let channel = item / params.positions * 8u;
    let row = position % params.plane;
    let voxel = corner + vec3u(position / params.plane, row / params.pitch, row % params.pitch);
    let there = all(voxel < params.volume);
    let at = select(0u, voxel_index(voxel), there);
    for (var c = 0u; c < 8u; c++) {
      var value = 0.0;
      if (there) {
        value = load(sample, first_channel + channel + c, at);
      }
      brick[position * PITCH + channel + c] = f16(value);
    }
  }
}

// Positions of a run, without those that a tap adds; runs past the tile's are the first one.
fn run_start(run: u32) -> u32 {
  let row = run / params.runs;
  return select(0u, row * params.plane + run % params.runs * params.run_step, row < params.tile.x);
}

// The voxel of an element of a run, and whether it belongs to the tile.
struct Voxel {
  index: u32,
  there: bool,
}

fn voxel_of(tile: Tile, run: u32, element: u32) -> Voxel {
  let row = run % params.runs * params.run_step + element;
  let inside = vec3u(run / params.runs, row / params.pitch, row % params.pitch);
  let voxel = tile.first + inside;
  return Voxel(voxel_index(voxel), all(inside < params.tile) && all(voxel < params.volume));
}

// Winograd, last of three stages: M → y = Aᵀ M along each axis: (EDGE + 2)³ frequencies → a tile of EDGE³ voxels, plus the bias. Aᵀ is
// that of lib/winograd2 or lib/winograd4. An invocation computes one tile of one channel.
#import lib/conv3d_output
#import lib/grid
#import lib/winograd${EDGE}_output

const EDGE = ${EDGE}u; // voxels along an edge of a tile

struct Params {
  channels: u32, // written
  m_channel: u32, // the first one read
  m_channels: u32,
  y_base: u32, // elements of the bound window in front of the first one written
  y_channels: u32, // per sample in y
  height: u32,
  width: u32,
  depth: u32,
  tiles: u32, // of all samples
  first_tile: u32, // of M
  blocks: u32,
  block_tiles: u32,
  frequency_stride: u32, // elements of M between two frequencies
}

@group(0) @binding(0) var<storage, read> m: array<f32>; // (frequencies, blocks, O, block tiles)
@group(0) @binding(1) var<storage, read> bias: array<f32>; // (O)
@group(0) @binding(2) var<uniform> params: Params;

// Where an invocation reads and writes; past the last tile it is not valid.
struct Place {
  valid: bool,
  h: u32,
  w: u32,
  d: u32,
  at: u32,
  to: u32, // the tile's first voxel
}

fn channel_of(index: u32) -> u32 {
  return index / (params.blocks * params.block_tiles);
}

fn bias_of(index: u32) -> f32 {
  return bias[params.m_channel + min(channel_of(index), params.channels - 1u)];
}

fn place_of(index: u32) -> Place {
  let channel = channel_of(index);
  let place = index % (params.blocks * params.block_tiles);
  let tile = params.first_tile + place;
  let m_row = place / params.block_tiles * params.m_channels + params.m_channel + channel;
  let at = m_row * params.block_tiles + place % params.block_tiles;
  let tiles_d = (params.depth + EDGE - 1u) / EDGE;
  let tiles_w = (params.width + EDGE - 1u) / EDGE;
  let tiles_h = (params.height + EDGE - 1u) / EDGE;
  let d = tile % tiles_d * EDGE;
  let w = tile / tiles_d % tiles_w * EDGE;
  let h = tile / (tiles_d * tiles_w) % tiles_h * EDGE;
  let n = tile / (tiles_d * tiles_w * tiles_h);
  let row = (n * params.y_channels + channel) * params.height + h;
  let to = params.y_base + (row * params.width + w) * params.depth + d;
  return Place(channel < params.channels && tile < params.tiles, h, w, d, at, to);
}

@compute @workgroup_size(16)
fn forward(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = linear_index(id, count, local, 16u);
  transform(place_of(index), bias_of(index));
}

// The backward-data pass has no bias.
@compute @workgroup_size(16)
fn backward(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  transform(place_of(linear_index(id, count, local, 16u)), 0.0);
}

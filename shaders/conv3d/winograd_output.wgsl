// Winograd, last of three stages: M → y = Aᵀ M along each axis: (EDGE + 2)³ frequencies → a tile of EDGE³ voxels, plus the bias. Aᵀ is
// that of lib/winograd/edge2 or lib/winograd/edge4. An invocation computes one tile of one channel.
#import lib/conv3d/output
#import lib/grid
#import lib/winograd/edge${EDGE}_output
#import lib/winograd/tiles

const EDGE = ${EDGE}u; // voxels along an edge of a tile

struct Params {
  grid: TileGrid,
  channels: u32, // written
  m_channel: u32, // first channel read
  m_channels: u32,
  y_base: u32, // first channel written, in elements of the bound window
  y_channels: u32, // per sample in y
}

@group(0) @binding(0) var<storage, read> m: array<f32>; // (frequencies, blocks, O, block tiles)
@group(0) @binding(1) var<storage, read> bias: array<f32>; // (O)
@group(0) @binding(2) var<uniform> params: Params;

fn channel_of(index: u32) -> u32 {
  return index / (params.grid.blocks * params.grid.block_tiles);
}

fn bias_of(index: u32) -> f32 {
  return bias[params.m_channel + min(channel_of(index), params.channels - 1u)];
}

fn place_of(index: u32) -> Place {
  let channel = channel_of(index);
  let place = index % (params.grid.blocks * params.grid.block_tiles);
  let tile = params.grid.first_tile + place;
  let m_row = place / params.grid.block_tiles * params.m_channels + params.m_channel + channel;
  let at = m_row * params.grid.block_tiles + place % params.grid.block_tiles;
  let corner = corner_of(tile);
  let row = (corner.x * params.y_channels + channel) * params.grid.height + corner.y;
  let to = params.y_base + (row * params.grid.width + corner.z) * params.grid.depth + corner.w;
  return Place(channel < params.channels && tile < params.grid.tiles, corner.y, corner.z, corner.w, at, to);
}

@compute @workgroup_size(16)
fn forward(at: Invocation) {
  let index = linear_index(at, 16u);
  transform(place_of(index), bias_of(index));
}

// The backward-data pass has no bias.
@compute @workgroup_size(16)
fn backward(at: Invocation) {
  transform(place_of(linear_index(at, 16u)), 0.0);
}

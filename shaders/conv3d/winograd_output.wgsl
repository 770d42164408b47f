// Winograd F(2x2x2, 3x3x3), last of three stages: M → y = Aᵀ M along each axis: 64 frequencies → a tile of 2x2x2 voxels, plus the
// bias.
//   Aᵀ = 1  1  1  0
//        0  1 −1 −1
// An invocation computes one tile of one channel.
#import lib/grid

override ACCUMULATE: bool = false;

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

@group(0) @binding(0) var<storage, read> m: array<f32>; // (64, blocks, O, block tiles)
@group(0) @binding(1) var<storage, read> bias: array<f32>; // (O)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (N, y channels, H, W, D)
@group(0) @binding(3) var<uniform> params: Params;

// Two voxels along D of one frequency of the other axes.
fn load_line(at: u32, step: u32) -> vec2f {
  let b = m[at + step];
  let c = m[at + 2u * step];
  return vec2f(m[at] + b + c, b - c - m[at + 3u * step]);
}

// A (W, D) square of voxels of one frequency along H: (w0 d0, w0 d1, w1 d0, w1 d1).
fn load_plane(at: u32, step: u32) -> vec4f {
  let b = load_line(at + 4u * step, step);
  let c = load_line(at + 8u * step, step);
  return vec4f(load_line(at, step) + b + c, b - c - load_line(at + 12u * step, step));
}

fn store(at: u32, value: f32) {
  if (ACCUMULATE) {
    y[at] += value;
  } else {
    y[at] = value;
  }
}

fn store_square(at: u32, square: vec4f, right: bool, deep: bool) {
  store(at, square.x);
  if (deep) {
    store(at + 1u, square.y);
  }
  if (right) {
    store(at + params.depth, square.z);
  }
  if (right && deep) {
    store(at + params.depth + 1u, square.w);
  }
}

// The channel and place among the block's tiles that an invocation computes.
fn channel_of(index: u32) -> u32 {
  return index / (params.blocks * params.block_tiles);
}

fn transform(index: u32, start: f32) {
  let channel = channel_of(index);
  let place = index % (params.blocks * params.block_tiles);
  let tile = params.first_tile + place;
  if (channel >= params.channels || tile >= params.tiles) {
    return;
  }
  let step = params.frequency_stride;
  let group = place / params.block_tiles;
  let at = (group * params.m_channels + params.m_channel + channel) * params.block_tiles + place % params.block_tiles;
  let b = load_plane(at + 16u * step, step);
  let c = load_plane(at + 32u * step, step);
  let top = load_plane(at, step) + b + c + start;
  let bottom = b - c - load_plane(at + 48u * step, step) + start;
  let tiles_d = (params.depth + 1u) / 2u;
  let tiles_w = (params.width + 1u) / 2u;
  let tiles_h = (params.height + 1u) / 2u;
  let d = tile % tiles_d * 2u;
  let w = tile / tiles_d % tiles_w * 2u;
  let h = tile / (tiles_d * tiles_w) % tiles_h * 2u;
  let n = tile / (tiles_d * tiles_w * tiles_h);
  let row = (n * params.y_channels + channel) * params.height + h;
  let to = params.y_base + (row * params.width + w) * params.depth + d;
  store_square(to, top, w + 1u < params.width, d + 1u < params.depth);
  if (h + 1u < params.height) {
    store_square(to + params.width * params.depth, bottom, w + 1u < params.width, d + 1u < params.depth);
  }
}

@compute @workgroup_size(16)
fn forward(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = linear_index(id, count, local, 16u);
  transform(index, bias[params.m_channel + min(channel_of(index), params.channels - 1u)]);
}

// The backward-data pass has no bias.
@compute @workgroup_size(16)
fn backward(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  transform(linear_index(id, count, local, 16u), 0.0);
}

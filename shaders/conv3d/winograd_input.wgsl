// Winograd F(2x2x2, 3x3x3), first of three stages: x → V = Bᵀ x along each axis of every 4x4x4 patch. Patches overlap by two voxels;
// each gives 64 numbers, one per frequency, and stands for a tile of 2x2x2 outputs.
//   Bᵀ = 1  0 −1  0
//        0  1  1  0
//        0 −1  1  0
//        0  1  0 −1
// An invocation transforms one patch of one channel. Neighbouring invocations hold neighbouring tiles (D fastest). V lies in blocks
// of `block_tiles` tiles, (64 frequencies, blocks, I, block tiles), so that a block of one frequency is contiguous.
// Tiles past the last are zeros.
#import lib/grid

struct Params {
  channels: u32, // transformed
  x_base: u32, // elements of the bound window in front of the first of them
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

@group(0) @binding(0) var<storage, read> x: array<f32>; // (N, x channels, H, W, D)
@group(0) @binding(1) var<storage, read_write> v: array<f32>; // (64, blocks, I, block tiles)
@group(0) @binding(2) var<uniform> params: Params;

// Four voxels along D, of which those outside are zeros. Coordinates count from the border, one below the first voxel.
fn load_line(base: u32, h: u32, w: u32, d: u32) -> vec4f {
  if (h - 1u >= params.height || w - 1u >= params.width) {
    return vec4f();
  }
  let at = base + ((h - 1u) * params.width + w - 1u) * params.depth + d;
  return vec4f(
    select(0.0, x[max(at, 1u) - 1u], d > 0u),
    select(0.0, x[at], d < params.depth),
    select(0.0, x[at + 1u], d + 1u < params.depth),
    select(0.0, x[at + 2u], d + 2u < params.depth),
  );
}

fn transform_line(a: vec4f) -> vec4f {
  return vec4f(a.x - a.z, a.y + a.z, a.z - a.y, a.y - a.w);
}

// One (W, D) plane of a patch, transformed along both axes.
fn load_plane(base: u32, h: u32, w: u32, d: u32) -> mat4x4f {
  let a = transform_line(load_line(base, h, w, d));
  let b = transform_line(load_line(base, h, w + 1u, d));
  let c = transform_line(load_line(base, h, w + 2u, d));
  let e = transform_line(load_line(base, h, w + 3u, d));
  return mat4x4f(a - c, b + c, c - b, b - e);
}

fn store_line(at: u32, step: u32, a: vec4f) {
  v[at] = a.x;
  v[at + step] = a.y;
  v[at + 2u * step] = a.z;
  v[at + 3u * step] = a.w;
}

fn store_plane(at: u32, step: u32, plane: mat4x4f) {
  store_line(at, step, plane[0]);
  store_line(at + 4u * step, step, plane[1]);
  store_line(at + 8u * step, step, plane[2]);
  store_line(at + 12u * step, step, plane[3]);
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = linear_index(id, count, local, 16u);
  let places = params.blocks * params.block_tiles;
  let channel = index / places;
  if (channel >= params.channels) {
    return;
  }
  let place = index % places;
  let block = place / params.block_tiles;
  let step = params.frequency_stride;
  let to = (block * params.v_channels + params.v_channel + channel) * params.block_tiles + place % params.block_tiles;
  let tile = params.first_tile + place;
  if (tile >= params.tiles) {
    for (var frequency = 0u; frequency < 64u; frequency++) {
      v[to + frequency * step] = 0.0;
    }
    return;
  }
  let tiles_d = (params.depth + 1u) / 2u;
  let tiles_w = (params.width + 1u) / 2u;
  let tiles_h = (params.height + 1u) / 2u;
  let d = tile % tiles_d * 2u;
  let w = tile / tiles_d % tiles_w * 2u;
  let h = tile / (tiles_d * tiles_w) % tiles_h * 2u;
  let n = tile / (tiles_d * tiles_w * tiles_h);
  let base = params.x_base + (n * params.x_channels + channel) * params.height * params.width * params.depth;
  let a = load_plane(base, h, w, d);
  let b = load_plane(base, h + 1u, w, d);
  let c = load_plane(base, h + 2u, w, d);
  let e = load_plane(base, h + 3u, w, d);
  store_plane(to, step, a - c);
  store_plane(to + 16u * step, step, b + c);
  store_plane(to + 32u * step, step, c - b);
  store_plane(to + 48u * step, step, b - e);
}

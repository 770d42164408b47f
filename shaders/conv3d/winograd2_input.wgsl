// Winograd F(2x2x2, 3x3x3), first stage: an activation → 64 numbers, one per frequency, for every tile of 2x2x2 outputs.
// `patches` takes the 4x4x4 voxels that a tile of outputs depends on, overlapping by two, x → V = Bᵀ x along each axis; `tiles` takes
// the gradients of the tile itself, dy → dM = A dy.
//   Bᵀ = 1  0 −1  0     A = 1  0
//        0  1  1  0         1  1
//        0 −1  1  0         1 −1
//        0  1  0 −1         0 −1
// An invocation transforms one tile of one channel. `tiles_by_channel` is `tiles` with the channels innermost.
#import lib/grid
#import lib/winograd_input

const EDGE = 2u;
const FREQUENCIES = 64u;

// Four voxels along D, of which those outside are zeros. Coordinates count from the border, one below the first voxel.
fn load_line(base: u32, h: u32, w: u32, d: u32) -> vec4f {
  if (h - 1u >= params.height || w - 1u >= params.width) {
    return vec4f();
  }
  let at = base + ((h - 1u) * params.width + w - 1u) * params.depth + d;
  return vec4f(
    select(0.0, load(max(at, 1u) - 1u), d > 0u),
    select(0.0, load(at), d < params.depth),
    select(0.0, load(at + 1u), d + 1u < params.depth),
    select(0.0, load(at + 2u), d + 2u < params.depth),
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
fn patches(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let p = tile_innermost(linear_index(id, count, local, 16u));
  if (!p.valid) {
    return;
  }
  let a = load_plane(p.base, p.h, p.w, p.d);
  let b = load_plane(p.base, p.h + 1u, p.w, p.d);
  let c = load_plane(p.base, p.h + 2u, p.w, p.d);
  let e = load_plane(p.base, p.h + 3u, p.w, p.d);
  let step = params.frequency_stride;
  store_plane(p.to, step, a - c);
  store_plane(p.to + 16u * step, step, b + c);
  store_plane(p.to + 32u * step, step, c - b);
  store_plane(p.to + 48u * step, step, b - e);
}

// Two gradients along D, spread to four frequencies.
fn spread_line(base: u32, h: u32, w: u32, d: u32) -> vec4f {
  if (h >= params.height || w >= params.width) {
    return vec4f();
  }
  let at = base + (h * params.width + w) * params.depth + d;
  let a = load(at);
  let b = select(0.0, load(at + 1u), d + 1u < params.depth);
  return vec4f(a, a + b, a - b, -b);
}

fn spread_plane(base: u32, h: u32, w: u32, d: u32) -> mat4x4f {
  let a = spread_line(base, h, w, d);
  let b = spread_line(base, h, w + 1u, d);
  return mat4x4f(a, a + b, a - b, -b);
}

fn spread(p: Place) {
  if (!p.valid) {
    return;
  }
  let a = spread_plane(p.base, p.h, p.w, p.d);
  let b = spread_plane(p.base, p.h + 1u, p.w, p.d);
  let step = params.frequency_stride;
  store_plane(p.to, step, a);
  store_plane(p.to + 16u * step, step, a + b);
  store_plane(p.to + 32u * step, step, a - b);
  store_plane(p.to + 48u * step, step, -1.0 * b);
}

@compute @workgroup_size(16)
fn tiles(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  spread(tile_innermost(linear_index(id, count, local, 16u)));
}

@compute @workgroup_size(16)
fn tiles_by_channel(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  spread(channel_innermost(linear_index(id, count, local, 16u)));
}

// Winograd F(4x4x4, 3x3x3), first stage: an activation → 216 numbers, one per frequency, for every tile of 4x4x4 outputs. `patches`
// takes the 6x6x6 voxels that a tile of outputs depends on, overlapping by two, x → V = Bᵀ x along each axis; `tiles` takes the
// gradients of the tile itself, dy → dM = A dy. Matrices are in lib/winograd4.
// An invocation transforms one tile of one channel: its voxels stay in registers, or where those do not suffice in the stack, which
// costs a CPU a tenth of a load from a buffer. `tiles_by_channel` is `tiles` with the channels innermost.
#import lib/grid
#import lib/winograd4
#import lib/winograd_input

const EDGE = 4u;
const FREQUENCIES = 216u;

// Six voxels or frequencies along one axis, each of three positions along H.
struct Six {
  a: vec3f,
  b: vec3f,
  c: vec3f,
  d: vec3f,
  e: vec3f,
  f: vec3f,
}

fn transform(x: Six) -> Six {
  let even_p = x.e - 2.0 * x.c;
  let odd_p = P * (x.d - 2.0 * x.b);
  let even_q = x.e - 0.5 * x.c;
  let odd_q = Q * (x.d - 0.5 * x.b);
  return Six(
    x.a - 2.5 * x.c + x.e,
    even_p + odd_p,
    even_p - odd_p,
    even_q + odd_q,
    even_q - odd_q,
    x.b - 2.5 * x.d + x.f,
  );
}

// A voxel; zero outside the volume. Coordinates count from the border, one below the first voxel.
fn voxel(base: u32, h: u32, w: u32, d: u32) -> f32 {
  let inside = h - 1u < params.height && w - 1u < params.width && d - 1u < params.depth;
  if (!inside) {
    return 0.0;
  }
  return load(base + ((h - 1u) * params.width + w - 1u) * params.depth + d - 1u);
}

fn three(base: u32, h: u32, w: u32, d: u32) -> vec3f {
  return vec3f(voxel(base, h, w, d), voxel(base, h + 1u, w, d), voxel(base, h + 2u, w, d));
}

// Three lines along D, one below the other along H, transformed.
fn lines(base: u32, h: u32, w: u32, d: u32) -> Six {
  return transform(
    Six(
      three(base, h, w, d),
      three(base, h, w, d + 1u),
      three(base, h, w, d + 2u),
      three(base, h, w, d + 3u),
      three(base, h, w, d + 4u),
      three(base, h, w, d + 5u),
    ),
  );
}

// Three (W, D) planes: members are frequencies along W, their members frequencies along D.
struct Planes {
  a: Six,
  b: Six,
  c: Six,
  d: Six,
  e: Six,
  f: Six,
}

fn planes(base: u32, h: u32, w: u32, d: u32) -> Planes {
  let l0 = lines(base, h, w, d);
  let l1 = lines(base, h, w + 1u, d);
  let l2 = lines(base, h, w + 2u, d);
  let l3 = lines(base, h, w + 3u, d);
  let l4 = lines(base, h, w + 4u, d);
  let l5 = lines(base, h, w + 5u, d);
  let a = transform(Six(l0.a, l1.a, l2.a, l3.a, l4.a, l5.a));
  let b = transform(Six(l0.b, l1.b, l2.b, l3.b, l4.b, l5.b));
  let c = transform(Six(l0.c, l1.c, l2.c, l3.c, l4.c, l5.c));
  let e = transform(Six(l0.d, l1.d, l2.d, l3.d, l4.d, l5.d));
  let f = transform(Six(l0.e, l1.e, l2.e, l3.e, l4.e, l5.e));
  let g = transform(Six(l0.f, l1.f, l2.f, l3.f, l4.f, l5.f));
  return Planes(
    Six(a.a, b.a, c.a, e.a, f.a, g.a),
    Six(a.b, b.b, c.b, e.b, f.b, g.b),
    Six(a.c, b.c, c.c, e.c, f.c, g.c),
    Six(a.d, b.d, c.d, e.d, f.d, g.d),
    Six(a.e, b.e, c.e, e.e, f.e, g.e),
    Six(a.f, b.f, c.f, e.f, f.f, g.f),
  );
}

fn store_column(at: u32, a: f32, b: f32, c: f32, d: f32, e: f32, f: f32) {
  let step = 36u * params.frequency_stride;
  v[at] = a;
  v[at + step] = b;
  v[at + 2u * step] = c;
  v[at + 3u * step] = d;
  v[at + 4u * step] = e;
  v[at + 5u * step] = f;
}

// Transforms six voxels along H and stores their frequencies.
fn finish(at: u32, top: vec3f, bottom: vec3f) {
  let even_p = bottom.y - 2.0 * top.z;
  let odd_p = P * (bottom.x - 2.0 * top.y);
  let even_q = bottom.y - 0.5 * top.z;
  let odd_q = Q * (bottom.x - 0.5 * top.y);
  store_column(
    at,
    top.x - 2.5 * top.z + bottom.y,
    even_p + odd_p,
    even_p - odd_p,
    even_q + odd_q,
    even_q - odd_q,
    top.y - 2.5 * bottom.x + bottom.z,
  );
}

fn finish_six(at: u32, top: Six, bottom: Six) {
  let step = params.frequency_stride;
  finish(at, top.a, bottom.a);
  finish(at + step, top.b, bottom.b);
  finish(at + 2u * step, top.c, bottom.c);
  finish(at + 3u * step, top.d, bottom.d);
  finish(at + 4u * step, top.e, bottom.e);
  finish(at + 5u * step, top.f, bottom.f);
}

@compute @workgroup_size(16)
fn patches(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let p = tile_innermost(linear_index(id, count, local, 16u));
  if (!p.valid) {
    return;
  }
  let top = planes(p.base, p.h, p.w, p.d);
  let bottom = planes(p.base, p.h + 3u, p.w, p.d);
  let step = 6u * params.frequency_stride;
  finish_six(p.to, top.a, bottom.a);
  finish_six(p.to + step, top.b, bottom.b);
  finish_six(p.to + 2u * step, top.c, bottom.c);
  finish_six(p.to + 3u * step, top.d, bottom.d);
  finish_six(p.to + 4u * step, top.e, bottom.e);
  finish_six(p.to + 5u * step, top.f, bottom.f);
}

// Frequencies along one axis of four gradients, each of four positions along H.
struct Spread {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
  e: vec4f,
  f: vec4f,
}

fn spread(a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> Spread {
  let even_p = a + 0.5 * c;
  let odd_p = P * (b + 0.5 * d);
  let even_q = a + 2.0 * c;
  let odd_q = Q * (b + 2.0 * d);
  return Spread(a, even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, d);
}

fn four(base: u32, h: u32, w: u32, d: u32) -> vec4f {
  return vec4f(three(base, h, w, d), voxel(base, h + 3u, w, d));
}

fn spread_lines(base: u32, h: u32, w: u32, d: u32) -> Spread {
  return spread(four(base, h, w, d), four(base, h, w, d + 1u), four(base, h, w, d + 2u), four(base, h, w, d + 3u));
}

fn spread_column(at: u32, x: vec4f) {
  let even_p = x.x + 0.5 * x.z;
  let odd_p = P * (x.y + 0.5 * x.w);
  let even_q = x.x + 2.0 * x.z;
  let odd_q = Q * (x.y + 2.0 * x.w);
  store_column(at, x.x, even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, x.w);
}

// Spreads one frequency along D over W and H.
fn spread_frequency(at: u32, a: vec4f, b: vec4f, c: vec4f, d: vec4f) {
  let step = 6u * params.frequency_stride;
  let s = spread(a, b, c, d);
  spread_column(at, s.a);
  spread_column(at + step, s.b);
  spread_column(at + 2u * step, s.c);
  spread_column(at + 3u * step, s.d);
  spread_column(at + 4u * step, s.e);
  spread_column(at + 5u * step, s.f);
}

fn spread_tile(p: Place) {
  if (!p.valid) {
    return;
  }
  let a = spread_lines(p.base, p.h + 1u, p.w + 1u, p.d + 1u);
  let b = spread_lines(p.base, p.h + 1u, p.w + 2u, p.d + 1u);
  let c = spread_lines(p.base, p.h + 1u, p.w + 3u, p.d + 1u);
  let d = spread_lines(p.base, p.h + 1u, p.w + 4u, p.d + 1u);
  let step = params.frequency_stride;
  spread_frequency(p.to, a.a, b.a, c.a, d.a);
  spread_frequency(p.to + step, a.b, b.b, c.b, d.b);
  spread_frequency(p.to + 2u * step, a.c, b.c, c.c, d.c);
  spread_frequency(p.to + 3u * step, a.d, b.d, c.d, d.d);
  spread_frequency(p.to + 4u * step, a.e, b.e, c.e, d.e);
  spread_frequency(p.to + 5u * step, a.f, b.f, c.f, d.f);
}

@compute @workgroup_size(16)
fn tiles(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  spread_tile(tile_innermost(linear_index(id, count, local, 16u)));
}

@compute @workgroup_size(16)
fn tiles_by_channel(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  spread_tile(channel_innermost(linear_index(id, count, local, 16u)));
}

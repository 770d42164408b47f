// Winograd F(4x4x4, 3x3x3), last of three stages: M → y = Aᵀ M along each axis: 216 frequencies → a tile of 4x4x4 voxels, plus the
// bias. Aᵀ is in lib/winograd4. An invocation computes one tile of one channel.
#import lib/grid
#import lib/winograd4
#import lib/winograd_output

const EDGE = 4u;

// Four voxels along one axis, each of four voxels along H.
struct Four {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
}

fn invert(a: vec4f, b: vec4f, c: vec4f, d: vec4f, e: vec4f, f: vec4f) -> Four {
  let sum_p = b + c;
  let difference_p = P * (b - c);
  let sum_q = d + e;
  let difference_q = Q * (d - e);
  return Four(
    a + sum_p + sum_q,
    difference_p + difference_q,
    0.5 * sum_p + 2.0 * sum_q,
    0.5 * difference_p + 2.0 * difference_q + f,
  );
}

// Four voxels along H of one frequency of the other axes.
fn column(at: u32) -> vec4f {
  let step = 36u * params.frequency_stride;
  let b = m[at + step];
  let c = m[at + 2u * step];
  let d = m[at + 3u * step];
  let e = m[at + 4u * step];
  let difference_p = P * (b - c);
  let difference_q = Q * (d - e);
  return vec4f(
    m[at] + (b + c) + (d + e),
    difference_p + difference_q,
    0.5 * (b + c) + 2.0 * (d + e),
    0.5 * difference_p + 2.0 * difference_q + m[at + 5u * step],
  );
}

// Four voxels along W of one frequency along D.
fn plane(at: u32) -> Four {
  let step = 6u * params.frequency_stride;
  return invert(
    column(at),
    column(at + step),
    column(at + 2u * step),
    column(at + 3u * step),
    column(at + 4u * step),
    column(at + 5u * step),
  );
}

fn store_column(at: u32, h: u32, values: vec4f) {
  let step = params.width * params.depth;
  store(at, values.x);
  if (h + 1u < params.height) {
    store(at + step, values.y);
  }
  if (h + 2u < params.height) {
    store(at + 2u * step, values.z);
  }
  if (h + 3u < params.height) {
    store(at + 3u * step, values.w);
  }
}

// The voxels of one position along W, `w` from the tile's first.
fn store_plane(p: Place, w: u32, values: Four, start: f32) {
  if (p.w + w >= params.width) {
    return;
  }
  let at = p.to + w * params.depth;
  store_column(at, p.h, values.a + start);
  if (p.d + 1u < params.depth) {
    store_column(at + 1u, p.h, values.b + start);
  }
  if (p.d + 2u < params.depth) {
    store_column(at + 2u, p.h, values.c + start);
  }
  if (p.d + 3u < params.depth) {
    store_column(at + 3u, p.h, values.d + start);
  }
}

fn transform(p: Place, start: f32) {
  if (!p.valid) {
    return;
  }
  let step = params.frequency_stride;
  let a = plane(p.at);
  let b = plane(p.at + step);
  let c = plane(p.at + 2u * step);
  let d = plane(p.at + 3u * step);
  let e = plane(p.at + 4u * step);
  let f = plane(p.at + 5u * step);
  store_plane(p, 0u, invert(a.a, b.a, c.a, d.a, e.a, f.a), start);
  store_plane(p, 1u, invert(a.b, b.b, c.b, d.b, e.b, f.b), start);
  store_plane(p, 2u, invert(a.c, b.c, c.c, d.c, e.c, f.c), start);
  store_plane(p, 3u, invert(a.d, b.d, c.d, d.d, e.d, f.d), start);
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

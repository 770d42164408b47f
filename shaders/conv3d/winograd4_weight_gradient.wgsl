// Winograd F(4x4x4, 3x3x3), backward-weight, last of three stages: dU → dw = Gᵀ dU along each axis, 216 frequencies → 27 taps.
// G is in lib/winograd4. An invocation computes the taps of one pair of channels.
#import lib/grid
#import lib/winograd4

override ACCUMULATE: bool = false;

struct Params {
  pairs: u32, // output · input channels
  base: u32, // element of the first pair in the bound window
}

@group(0) @binding(0) var<storage, read> du: array<f32>; // (216, O, I)
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>; // (O, I, 3, 3, 3)
@group(0) @binding(2) var<uniform> params: Params;

// Three taps along one axis, each of the three taps along H.
fn invert(a: vec3f, b: vec3f, c: vec3f, d: vec3f, e: vec3f, f: vec3f) -> mat3x3f {
  let sum_p = (b + c) * (-1.0 / 3.0);
  let difference_p = (b - c) * (-2.0 / 3.0 * P);
  let sum_q = (d + e) * (1.0 / 6.0);
  let difference_q = (d - e) * (Q / 6.0);
  return mat3x3f(a + 2.0 * sum_p + sum_q, difference_p + difference_q, sum_p + 2.0 * sum_q + f);
}

// The three taps along H of one frequency of the other axes.
fn column(at: u32) -> vec3f {
  let step = 36u * params.pairs;
  let b = du[at + step];
  let c = du[at + 2u * step];
  let d = du[at + 3u * step];
  let e = du[at + 4u * step];
  let sum_p = (b + c) * (-1.0 / 3.0);
  let difference_p = (b - c) * (-2.0 / 3.0 * P);
  let sum_q = (d + e) * (1.0 / 6.0);
  let difference_q = (d - e) * (Q / 6.0);
  return vec3f(du[at] + 2.0 * sum_p + sum_q, difference_p + difference_q, sum_p + 2.0 * sum_q + du[at + 5u * step]);
}

// The three taps along W of one frequency along D.
fn plane(at: u32) -> mat3x3f {
  let step = 6u * params.pairs;
  return invert(
    column(at),
    column(at + step),
    column(at + 2u * step),
    column(at + 3u * step),
    column(at + 4u * step),
    column(at + 5u * step),
  );
}

fn store(at: u32, value: f32) {
  if (ACCUMULATE) {
    gradient[at] += value;
  } else {
    gradient[at] = value;
  }
}

fn store_column(at: u32, column: vec3f) {
  store(at, column.x);
  store(at + 9u, column.y);
  store(at + 18u, column.z);
}

// The taps along D of one tap along W.
fn store_line(at: u32, line: mat3x3f) {
  store_column(at, line[0]);
  store_column(at + 1u, line[1]);
  store_column(at + 2u, line[2]);
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let pair = linear_index(id, count, local, 16u);
  if (pair >= params.pairs) {
    return;
  }
  let step = params.pairs;
  let a = plane(pair);
  let b = plane(pair + step);
  let c = plane(pair + 2u * step);
  let d = plane(pair + 3u * step);
  let e = plane(pair + 4u * step);
  let f = plane(pair + 5u * step);
  let to = params.base + pair * 27u;
  store_line(to, invert(a[0], b[0], c[0], d[0], e[0], f[0]));
  store_line(to + 3u, invert(a[1], b[1], c[1], d[1], e[1], f[1]));
  store_line(to + 6u, invert(a[2], b[2], c[2], d[2], e[2], f[2]));
}

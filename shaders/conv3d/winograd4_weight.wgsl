// Winograd F(4x4x4, 3x3x3), weights: w → U = G w along each axis, 27 taps → 216 frequencies. G is in lib/winograd4.
// An invocation transforms the taps of one pair of channels.
#import lib/grid
#import lib/winograd4
#import lib/winograd_weight

const FREQUENCIES = 216u;

// Six frequencies along one axis, each of the three taps along H.
struct Six {
  a: vec3f,
  b: vec3f,
  c: vec3f,
  d: vec3f,
  e: vec3f,
  f: vec3f,
}

fn transform(a: vec3f, b: vec3f, c: vec3f) -> Six {
  let even_p = (a + 0.5 * c) * (-2.0 / 3.0);
  let odd_p = b * (-2.0 / 3.0 * P);
  let even_q = (a + 2.0 * c) * (1.0 / 6.0);
  let odd_q = b * (Q / 6.0);
  return Six(a, even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, c);
}

// The three taps along H of tap k of a (W, D) plane.
fn taps(at: u32, k: u32) -> vec3f {
  return vec3f(tap(at, k), tap(at, k + 9u), tap(at, k + 18u));
}

fn lines(at: u32, k: u32) -> Six {
  return transform(taps(at, k), taps(at, k + 1u), taps(at, k + 2u));
}

// Transforms along H and stores.
fn finish(at: u32, x: vec3f) {
  let step = 36u * frequency_elements();
  let even_p = (x.x + 0.5 * x.z) * (-2.0 / 3.0);
  let odd_p = x.y * (-2.0 / 3.0 * P);
  let even_q = (x.x + 2.0 * x.z) * (1.0 / 6.0);
  let odd_q = x.y * (Q / 6.0);
  u[at] = x.x;
  u[at + step] = even_p + odd_p;
  u[at + 2u * step] = even_p - odd_p;
  u[at + 3u * step] = even_q + odd_q;
  u[at + 4u * step] = even_q - odd_q;
  u[at + 5u * step] = x.z;
}

// Transforms one frequency along D over W and H.
fn finish_frequency(at: u32, a: vec3f, b: vec3f, c: vec3f) {
  let step = 6u * frequency_elements();
  let x = transform(a, b, c);
  finish(at, x.a);
  finish(at + step, x.b);
  finish(at + 2u * step, x.c);
  finish(at + 3u * step, x.d);
  finish(at + 4u * step, x.e);
  finish(at + 5u * step, x.f);
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = linear_index(id, count, local, 16u);
  let pair = pair_of(index);
  if (!pair.valid) {
    return;
  }
  let a = lines(pair.at, 0u);
  let b = lines(pair.at, 3u);
  let c = lines(pair.at, 6u);
  let step = frequency_elements();
  finish_frequency(index, a.a, b.a, c.a);
  finish_frequency(index + step, a.b, b.b, c.b);
  finish_frequency(index + 2u * step, a.c, b.c, c.c);
  finish_frequency(index + 3u * step, a.d, b.d, c.d);
  finish_frequency(index + 4u * step, a.e, b.e, c.e);
  finish_frequency(index + 5u * step, a.f, b.f, c.f);
}

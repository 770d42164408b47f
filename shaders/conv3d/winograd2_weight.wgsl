// Winograd F(2x2x2, 3x3x3), weights: w → U = G w along each axis, 27 taps → 64 frequencies.
//   G = 1    0    0
//       1/2  1/2  1/2
//       1/2 −1/2  1/2
//       0    0    1
// An invocation transforms the taps of one pair of channels.
#import lib/grid
#import lib/winograd_weight

const FREQUENCIES = 64u;

fn transform_line(a: f32, b: f32, c: f32) -> vec4f {
  return vec4f(a, 0.5 * (a + b + c), 0.5 * (a - b + c), c);
}

// One (W, D) plane of taps, transformed along both axes.
fn load_plane(at: u32, k: u32) -> mat4x4f {
  let a = transform_line(tap(at, k), tap(at, k + 1u), tap(at, k + 2u));
  let b = transform_line(tap(at, k + 3u), tap(at, k + 4u), tap(at, k + 5u));
  let c = transform_line(tap(at, k + 6u), tap(at, k + 7u), tap(at, k + 8u));
  return mat4x4f(a, 0.5 * (a + b + c), 0.5 * (a - b + c), c);
}

fn store_line(at: u32, step: u32, a: vec4f) {
  u[at] = a.x;
  u[at + step] = a.y;
  u[at + 2u * step] = a.z;
  u[at + 3u * step] = a.w;
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
  let pair = pair_of(index);
  if (!pair.valid) {
    return;
  }
  let step = frequency_elements();
  let a = load_plane(pair.at, 0u);
  let b = load_plane(pair.at, 9u);
  let c = load_plane(pair.at, 18u);
  store_plane(index, step, a);
  store_plane(index + 16u * step, step, 0.5 * (a + b + c));
  store_plane(index + 32u * step, step, 0.5 * (a - b + c));
  store_plane(index + 48u * step, step, c);
}

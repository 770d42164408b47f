// Winograd F(2x2x2, 3x3x3), backward-weight, last of three stages: dU → dw = Gᵀ dU along each axis, 64 frequencies → 27 taps.
//   Gᵀ = 1  1/2  1/2  0
//        0  1/2 −1/2  0
//        0  1/2  1/2  1
// An invocation computes the taps of one pair of channels.
#import lib/grid

override ACCUMULATE: bool = false;

struct Params {
  pairs: u32, // output · input channels
  base: u32, // element of the first pair in the bound window
}

@group(0) @binding(0) var<storage, read> du: array<f32>; // (64, O, I)
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>; // (O, I, 3, 3, 3)
@group(0) @binding(2) var<uniform> params: Params;

fn transform(a: vec3f, b: vec3f, c: vec3f, d: vec3f) -> mat3x3f {
  return mat3x3f(a + 0.5 * (b + c), 0.5 * (b - c), 0.5 * (b + c) + d);
}

// Three taps along D of one frequency of the other axes.
fn load_line(at: u32) -> vec3f {
  let step = params.pairs;
  let b = du[at + step];
  let c = du[at + 2u * step];
  return vec3f(du[at] + 0.5 * (b + c), 0.5 * (b - c), 0.5 * (b + c) + du[at + 3u * step]);
}

// The nine taps (kw, kd) of one frequency along H.
fn load_plane(at: u32) -> mat3x3f {
  let step = 4u * params.pairs;
  return transform(load_line(at), load_line(at + step), load_line(at + 2u * step), load_line(at + 3u * step));
}

fn store(at: u32, value: f32) {
  if (ACCUMULATE) {
    gradient[at] += value;
  } else {
    gradient[at] = value;
  }
}

fn store_line(at: u32, line: vec3f) {
  store(at, line.x);
  store(at + 1u, line.y);
  store(at + 2u, line.z);
}

fn store_plane(at: u32, plane: mat3x3f) {
  store_line(at, plane[0]);
  store_line(at + 3u, plane[1]);
  store_line(at + 6u, plane[2]);
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let pair = linear_index(id, count, local, 16u);
  if (pair >= params.pairs) {
    return;
  }
  let step = 16u * params.pairs;
  let a = load_plane(pair);
  let b = load_plane(pair + step);
  let c = load_plane(pair + 2u * step);
  let d = load_plane(pair + 3u * step);
  let half_sum = 0.5 * (b + c);
  let to = params.base + pair * 27u;
  store_plane(to, a + half_sum);
  store_plane(to + 9u, 0.5 * (b - c));
  store_plane(to + 18u, half_sum + d);
}

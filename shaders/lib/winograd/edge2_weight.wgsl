// The transform of conv3d/winograd_weight for tiles of 2x2x2 outputs.
#import lib/winograd/edge2

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

fn transform_taps(at: u32, to: u32, step: u32) {
  let a = load_plane(at, 0u);
  let b = load_plane(at, 9u);
  let c = load_plane(at, 18u);
  store_plane(to, step, a);
  store_plane(to + 16u * step, step, 0.5 * (a + b + c));
  store_plane(to + 32u * step, step, 0.5 * (a - b + c));
  store_plane(to + 48u * step, step, c);
}

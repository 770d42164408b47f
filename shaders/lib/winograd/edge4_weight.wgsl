// The transform of conv3d/winograd_weight for tiles of 4x4x4 outputs.
#import lib/winograd/edge4

#repeat T: f32 vec3f
fn transform_$T(a: $T, b: $T, c: $T) -> Six_$T {
  let even_p = (a + 0.5 * c) * (-2.0 / 3.0);
  let odd_p = b * (-2.0 / 3.0 * P);
  let even_q = (a + 2.0 * c) * (1.0 / 6.0);
  let odd_q = b * (Q / 6.0);
  return Six_$T(a, even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, c);
}
#end

// The three taps along H of tap k of a (W, D) plane.
fn taps(at: u32, k: u32) -> vec3f {
  return vec3f(tap(at, k), tap(at, k + 9u), tap(at, k + 18u));
}

fn lines(at: u32, k: u32) -> Six_vec3f {
  return transform_vec3f(taps(at, k), taps(at, k + 1u), taps(at, k + 2u));
}

fn transform_taps(at: u32, to: u32, step: u32) {
  #repeat w: 0..3
  let line$w = lines(at, 3 * $w);
  #end
  #repeat d: 0..6
  let plane$d = transform_vec3f(line0.e$d, line1.e$d, line2.e$d);
  #repeat w: 0..6
  finish(to + ($w * 6 + $d) * step, step, plane$d.e$w);
  #end
  #end
}

// Transforms along H and stores.
fn finish(to: u32, step: u32, x: vec3f) {
  store_six(to, 36u * step, transform_f32(x.x, x.y, x.z));
}

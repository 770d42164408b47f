// G of lib/winograd/edge4_constants: three taps along one axis into six frequencies.
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

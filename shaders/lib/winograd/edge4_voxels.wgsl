// Bᵀ of lib/winograd/edge4_constants: six voxels along one axis into six frequencies.
#import lib/winograd/edge4

#repeat T: f32 vec3f
fn transform_$T(x: Six_$T) -> Six_$T {
  let even_p = x.e4 - 2.0 * x.e2;
  let odd_p = P * (x.e3 - 2.0 * x.e1);
  let even_q = x.e4 - 0.5 * x.e2;
  let odd_q = Q * (x.e3 - 0.5 * x.e1);
  return Six_$T(
    x.e0 - 2.5 * x.e2 + x.e4,
    even_p + odd_p,
    even_p - odd_p,
    even_q + odd_q,
    even_q - odd_q,
    x.e1 - 2.5 * x.e3 + x.e5,
  );
}
#end

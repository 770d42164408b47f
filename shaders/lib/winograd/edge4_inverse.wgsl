// Aᵀ of lib/winograd/edge4_constants: six frequencies along one axis into four voxels.
#import lib/winograd/edge4_constants

// Four voxels along one axis; of vectors, at four positions along H.
#repeat T: f32 vec4f
struct Four_$T {
  #repeat i: 0..4
  e$i: $T,
  #end
}

fn invert_$T(a: $T, b: $T, c: $T, d: $T, e: $T, f: $T) -> Four_$T {
  let sum_p = b + c;
  let difference_p = P * (b - c);
  let sum_q = d + e;
  let difference_q = Q * (d - e);
  return Four_$T(
    a + sum_p + sum_q,
    difference_p + difference_q,
    0.5 * sum_p + 2.0 * sum_q,
    0.5 * difference_p + 2.0 * difference_q + f,
  );
}
#end

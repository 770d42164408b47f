// The transform of conv3d/winograd_weight_gradient for tiles of 4x4x4 outputs.
#import lib/winograd/edge4_constants

// Three taps along one axis; of vectors, each of the three along H.
#repeat T: f32 vec3f
struct Three_$T {
  #repeat k: 0..3
  k$k: $T,
  #end
}

fn invert_$T(a: $T, b: $T, c: $T, d: $T, e: $T, f: $T) -> Three_$T {
  let sum_p = (b + c) * (-1.0 / 3.0);
  let difference_p = (b - c) * (-2.0 / 3.0 * P);
  let sum_q = (d + e) * (1.0 / 6.0);
  let difference_q = (d - e) * (Q / 6.0);
  return Three_$T(a + 2.0 * sum_p + sum_q, difference_p + difference_q, sum_p + 2.0 * sum_q + f);
}
#end

// The three taps along H of one frequency of the other axes.
fn column(at: u32) -> vec3f {
  let step = 36u * params.pairs;
  let taps = invert_f32(
    #repeat i: 0..6
    du[at + $i * step],
    #end
  );
  return vec3f(taps.k0, taps.k1, taps.k2);
}

// The three taps along W of one frequency along D.
fn plane(at: u32) -> Three_vec3f {
  let step = 6u * params.pairs;
  return invert_vec3f(
    #repeat i: 0..6
    column(at + $i * step),
    #end
  );
}

fn invert_taps(pair: u32, to: u32) {
  #repeat i: 0..6
  let plane$i = plane(pair + $i * params.pairs);
  #end
  #repeat w: 0..3
  let line$w = invert_vec3f(plane0.k$w, plane1.k$w, plane2.k$w, plane3.k$w, plane4.k$w, plane5.k$w);
  #repeat d: 0..3
  store_four(to + $w * 3 + $d, 9u, 3u, vec4f(line$w.k$d, 0.0));
  #end
  #end
}

// The transform of conv3d/winograd_weight_gradient for tiles of 2x2x2 outputs.

// Three taps along one axis.
#repeat T: f32 vec3f mat3x3f
struct Three_$T {
  #repeat k: 0..3
  k$k: $T,
  #end
}

fn invert_$T(a: $T, b: $T, c: $T, d: $T) -> Three_$T {
  let half_sum = 0.5 * (b + c);
  return Three_$T(a + half_sum, 0.5 * (b - c), half_sum + d);
}
#end

// Along D, of one frequency of the other axes.
fn load_line(at: u32) -> vec3f {
  let taps = invert_f32(du[at], du[at + params.pairs], du[at + 2u * params.pairs], du[at + 3u * params.pairs]);
  return vec3f(taps.k0, taps.k1, taps.k2);
}

// The nine taps (kw, kd) of one frequency along H.
fn load_plane(at: u32) -> mat3x3f {
  let step = 4u * params.pairs;
  let taps = invert_vec3f(load_line(at), load_line(at + step), load_line(at + 2u * step), load_line(at + 3u * step));
  return mat3x3f(taps.k0, taps.k1, taps.k2);
}

fn invert_taps(pair: u32, to: u32) {
  let step = 16u * params.pairs;
  let taps = invert_mat3x3f(load_plane(pair), load_plane(pair + step), load_plane(pair + 2u * step), load_plane(pair + 3u * step));
  #repeat h: 0..3
  #repeat w: 0..3
  #repeat d: 0..3
  store(to + $h * 9 + $w * 3 + $d, taps.k$h[$w][$d]);
  #end
  #end
  #end
}

// The transforms of conv3d/winograd_input for tiles of 4x4x4 outputs. The voxels of a tile stay in registers or spill to the
// stack, which on a CPU costs a tenth of a load from a buffer.
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

// A voxel, zero-padded. Coordinates start at the border, one before the first voxel.
fn voxel(base: u32, h: u32, w: u32, d: u32) -> f32 {
  let inside = h - 1u < params.grid.height && w - 1u < params.grid.width && d - 1u < params.grid.depth;
  if (!inside) {
    return 0.0;
  }
  return load_voxel(base + ((h - 1u) * params.grid.width + w - 1u) * params.grid.depth + d - 1u);
}

fn three(base: u32, h: u32, w: u32, d: u32) -> vec3f {
  return vec3f(voxel(base, h, w, d), voxel(base, h + 1u, w, d), voxel(base, h + 2u, w, d));
}

// Three lines along D, adjacent along H, transformed.
fn lines(base: u32, h: u32, w: u32, d: u32) -> Six_vec3f {
  return transform_vec3f(
    Six_vec3f(
      #repeat i: 0..6
      three(base, h, w, d + $i),
      #end
    ),
  );
}

// Three (W, D) planes: members are frequencies along D, their members frequencies along W.
struct Planes {
  #repeat d: 0..6
  d$d: Six_vec3f,
  #end
}

fn planes(base: u32, h: u32, w: u32, d: u32) -> Planes {
  #repeat i: 0..6
  let line$i = lines(base, h, w + $i, d);
  #end
  return Planes(
    #repeat d: 0..6
    transform_vec3f(Six_vec3f(line0.e$d, line1.e$d, line2.e$d, line3.e$d, line4.e$d, line5.e$d)),
    #end
  );
}

// Stores the frequencies along H for one frequency along W and one along D.
fn store_column(p: Place, w: u32, d: u32, x: Six_f32) {
  let step = params.grid.frequency_stride;
  store_six(p.to + (w * 6u + d) * step, 36u * step, x);
}

fn transform_patch(p: Place) {
  let top = planes(p.at, p.h, p.w, p.d);
  let bottom = planes(p.at, p.h + 3u, p.w, p.d);
  #repeat w: 0..6
  #repeat d: 0..6
  finish(p, $w, $d, top.d$d.e$w, bottom.d$d.e$w);
  #end
  #end
}

// Transforms six voxels along H.
fn finish(p: Place, w: u32, d: u32, top: vec3f, bottom: vec3f) {
  store_column(p, w, d, transform_f32(Six_f32(top.x, top.y, top.z, bottom.x, bottom.y, bottom.z)));
}

#repeat T: f32 vec4f
fn spread_$T(a: $T, b: $T, c: $T, d: $T) -> Six_$T {
  let even_p = a + 0.5 * c;
  let odd_p = P * (b + 0.5 * d);
  let even_q = a + 2.0 * c;
  let odd_q = Q * (b + 2.0 * d);
  return Six_$T(a, even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, d);
}
#end

fn four(base: u32, h: u32, w: u32, d: u32) -> vec4f {
  return vec4f(three(base, h, w, d), voxel(base, h + 3u, w, d));
}

fn spread_lines(base: u32, h: u32, w: u32, d: u32) -> Six_vec4f {
  return spread_vec4f(four(base, h, w, d), four(base, h, w, d + 1u), four(base, h, w, d + 2u), four(base, h, w, d + 3u));
}

fn spread_tile(p: Place) {
  #repeat i: 0..4
  let line$i = spread_lines(p.at, p.h + 1u, p.w + 1u + $i, p.d + 1u);
  #end
  #repeat d: 0..6
  let plane$d = spread_vec4f(line0.e$d, line1.e$d, line2.e$d, line3.e$d);
  #repeat w: 0..6
  spread_column(p, $w, $d, plane$d.e$w);
  #end
  #end
}

fn spread_column(p: Place, w: u32, d: u32, x: vec4f) {
  store_column(p, w, d, spread_f32(x.x, x.y, x.z, x.w));
}

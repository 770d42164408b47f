// The transform of conv3d/winograd_output for tiles of 4x4x4 outputs.
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

// Four voxels along H of one frequency of the other axes.
fn column(at: u32) -> vec4f {
  let step = 36u * params.grid.frequency_stride;
  let voxels = invert_f32(
    #repeat i: 0..6
    m[at + $i * step],
    #end
  );
  return vec4f(voxels.e0, voxels.e1, voxels.e2, voxels.e3);
}

// Four voxels along W of one frequency along D.
fn plane(at: u32) -> Four_vec4f {
  let step = 6u * params.grid.frequency_stride;
  return invert_vec4f(
    #repeat i: 0..6
    column(at + $i * step),
    #end
  );
}

// The voxels of one position along W, `w` from the tile's first.
fn store_plane(p: Place, w: u32, values: Four_vec4f, start: f32) {
  if (p.w + w >= params.grid.width) {
    return;
  }
  let at = p.to + w * params.grid.depth;
  #repeat d: 0..4
  if (p.d + $d < params.grid.depth) {
    store_four(at + $d, params.grid.width * params.grid.depth, params.grid.height - p.h, values.e$d + start);
  }
  #end
}

fn transform(p: Place, start: f32) {
  if (!p.valid) {
    return;
  }
  #repeat d: 0..6
  let plane$d = plane(p.at + $d * params.grid.frequency_stride);
  #end
  #repeat w: 0..4
  store_plane(p, $w, invert_vec4f(plane0.e$w, plane1.e$w, plane2.e$w, plane3.e$w, plane4.e$w, plane5.e$w), start);
  #end
}

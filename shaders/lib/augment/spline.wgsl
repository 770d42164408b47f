// Uniform cubic B-splines over control points `spacing` voxels apart along (H, W, D). The first is one spacing before voxel 0, so that
// each voxel has four along each axis. The splines are twice differentiable, do not interpolate the control points, and stay within
// their range.

struct Lattice {
  counts: vec3u,  // control points along (H, W, D)
  points: u32,    // per sample, padding included
  spacing: vec3f, // voxels, at least 4
}

@group(0) @binding(12) var<storage, read> control: array<vec4f>; // (n, points)

// Weights of the four control points around a position `t` in [0, 1) between the second and the third. They sum to 1.
fn spline_weights(t: f32) -> vec4f {
  let s = 1.0 - t;
  return vec4f(s * s * s, (3.0 * t - 6.0) * t * t + 4.0, (3.0 * s - 6.0) * s * s + 4.0, t * t * t) / 6.0;
}

// The spline of sample `n` at four neighbouring voxels along D, the first at `axes`. With a spacing of at least 4, they depend on five
// control points along D, which are summed over H and W once.
fn spline_quad(n: u32, axes: vec3u, lattice: Lattice) -> array<vec4f, 4> {
  let place = vec3f(axes) / lattice.spacing;
  let cell = vec3u(floor(place));
  let near_h = spline_weights(fract(place.x));
  let near_w = spline_weights(fract(place.y));
  var columns: array<vec4f, 5>;
  for (var j = 0u; j < 5u; j++) {
    let d = min(cell.z + j, lattice.counts.z - 1u);
    for (var a = 0u; a < 4u; a++) {
      for (var b = 0u; b < 4u; b++) {
        let row = (cell.x + a) * lattice.counts.y + cell.y + b;
        columns[j] += near_h[a] * near_w[b] * control[n * lattice.points + row * lattice.counts.z + d];
      }
    }
  }
  var quad: array<vec4f, 4>;
  for (var i = 0u; i < 4u; i++) {
    let z = f32(axes.z + i) / lattice.spacing.z;
    let first = min(u32(floor(z)) - cell.z, 1u);
    let weights = spline_weights(fract(z));
    for (var j = 0u; j < 4u; j++) {
      quad[i] += weights[j] * columns[first + j];
    }
  }
  return quad;
}

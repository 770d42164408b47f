// The displacement of each voxel in an elastic deformation: the first three values of the splines.
#import lib/quad
#import lib/augment/spline

struct Params {
  quads: Quads,
  lattice: Lattice,
}

@group(0) @binding(0) var<storage, read_write> displacement: array<f32>; // (n, 3, H, W, D) voxels along H, W, D
@group(0) @binding(1) var<uniform> params: Params;

fn make(quad: Quad) {
  let splines = spline_quad(quad.n, quad.axes, params.lattice);
  let voxels = params.quads.size.x * params.quads.size.y * params.quads.size.z;
  for (var axis = 0u; axis < 3u; axis++) {
    for (var i = 0u; i < 4u; i++) {
      displacement[(quad.n * 3u + axis) * voxels + quad.element + i] = splines[i][axis];
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let index = index_of(at);
  if (index < params.quads.quads) {
    make(quad_of(index, params.quads));
  }
}

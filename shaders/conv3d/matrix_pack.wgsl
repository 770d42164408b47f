// Packs weights as f16 for the convolutions on subgroup matrices: (slices of `depth` columns, taps, matrices of `width` rows, width,
// depth), so that each matrix is contiguous; padded with zeros.
// An invocation writes one element.
#import lib/grid
#import lib/conv3d/weight_matrix

enable f16;

struct Params {
  matrix: WeightMatrix,
  @align(16) taps: u32,
  width: u32,
  depth: u32,
  matrices: u32, // of rows
  elements: u32, // of packed
}

@group(0) @binding(1) var<storage, read_write> packed: array<f16>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let index = index_of(at);
  if (index >= params.elements) {
    return;
  }
  let matrix = index / (params.width * params.depth);
  let slice = matrix / (params.matrices * params.taps);
  let tap = matrix / params.matrices % params.taps;
  let row = matrix % params.matrices * params.width + index / params.depth % params.width;
  let column = slice * params.depth + index % params.depth;
  var value = 0.0;
  if (row < params.matrix.rows && column < params.matrix.columns) {
    value = weight_tap(weight_at(row, column), tap, params.taps);
  }
  packed[index] = f16(value);
}

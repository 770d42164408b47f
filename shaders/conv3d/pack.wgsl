// Packs weights for the kernels with four output channels per invocation: (blocks, columns, taps, 4), zero-padded rows, so that a
// tap of a block is one vec4.
// An invocation writes one vec4.
#import lib/grid
#import lib/conv3d/weight_matrix

struct Params {
  matrix: WeightMatrix,
  @align(16) taps: u32,
}

@group(0) @binding(1) var<storage, read_write> packed: array<vec4f>; // (rows / 4, columns, taps)
@group(0) @binding(2) var<uniform> params: Params;

fn element(row: u32, column: u32, tap: u32) -> f32 {
  if (row >= params.matrix.rows) {
    return 0.0;
  }
  return weight_tap(weight_at(row, column), tap, params.taps);
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let index = index_of(at);
  let row = index / (params.matrix.columns * params.taps) * 4u;
  if (row >= params.matrix.rows) {
    return;
  }
  let column = index / params.taps % params.matrix.columns;
  let tap = index % params.taps;
  packed[index] = vec4f(
    #repeat i: 0..4
    element(row + $i, column, tap),
    #end
  );
}

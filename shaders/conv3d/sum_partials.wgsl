// Second stage of a parameter's gradient: adds the partial sums of all chunks in order. Partials are (chunks, rows, columns); the
// rows of the target may be longer.
// An invocation computes one element.
#import lib/conv3d/gradient
#import lib/grid

struct Params {
  chunks: u32,
  rows: u32,
  columns: u32,
  base: u32, // element of row 0, column 0 in the bound window of the target
  row_stride: u32, // elements of the target
}

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let index = index_of(at);
  let elements = params.rows * params.columns;
  if (index >= elements) {
    return;
  }
  var sum = 0.0;
  for (var chunk = 0u; chunk < params.chunks; chunk++) {
    sum += partials[chunk * elements + index];
  }
  store(params.base + index / params.columns * params.row_stride + index % params.columns, sum);
}

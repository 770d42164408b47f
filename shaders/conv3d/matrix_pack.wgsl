// Packs weights as f16 for the convolutions on subgroup matrices: (slices of `depth` columns, taps, matrices of `width` rows, width,
// depth), so that a matrix lies in one piece; what is beyond the rows and columns is zero. Rows are the channels computed, columns the
// channels summed over: output and input channels in the forward pass; input and output channels in the backward pass, which also
// runs the taps backward.
// An invocation writes one element.
#import lib/grid

enable f16;

override FLIP: bool = false;

struct Params {
  rows: u32,
  columns: u32,
  taps: u32,
  width: u32,
  depth: u32,
  matrices: u32, // of rows
  elements: u32, // of packed
  base: u32, // element of row 0, column 0, tap 0 in the bound window
  row_stride: u32, // elements
  column_stride: u32, // elements
}

@group(0) @binding(0) var<storage, read> weight: array<f32>; // (O, I, k, k, k)
@group(0) @binding(1) var<storage, read_write> packed: array<f16>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = linear_index(id, count, local, 64u);
  if (index >= params.elements) {
    return;
  }
  let matrix = index / (params.width * params.depth);
  let slice = matrix / (params.matrices * params.taps);
  let place = matrix / params.matrices % params.taps;
  let row = matrix % params.matrices * params.width + index / params.depth % params.width;
  let column = slice * params.depth + index % params.depth;
  let tap = select(place, params.taps - 1u - place, FLIP);
  var value = 0.0;
  if (row < params.rows && column < params.columns) {
    value = weight[params.base + row * params.row_stride + column * params.column_stride + tap];
  }
  packed[index] = f16(value);
}

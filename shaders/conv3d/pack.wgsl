// Packs weights for the kernels that compute four output channels per invocation: (blocks, columns, taps, 4), rows beyond the
// last one zero, so that a tap of a block is one vec4. Rows are the channels computed, columns the channels summed over: output and
// input channels in the forward pass, input and output channels in the backward pass, which also runs the taps backward.
// An invocation writes one vec4.
#import lib/grid

override FLIP: bool = false;

struct Params {
  rows: u32,
  columns: u32,
  taps: u32,
  base: u32, // element of row 0, column 0, tap 0 in the bound window
  row_stride: u32, // elements
  column_stride: u32, // elements
}

@group(0) @binding(0) var<storage, read> weight: array<f32>; // (O, I, k, k, k)
@group(0) @binding(1) var<storage, read_write> packed: array<vec4f>; // (rows / 4, columns, taps)
@group(0) @binding(2) var<uniform> params: Params;

fn element(row: u32, offset: u32) -> f32 {
  if (row >= params.rows) {
    return 0.0;
  }
  return weight[row * params.row_stride + offset];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = linear_index(id, count, local, 64u);
  let row = index / (params.columns * params.taps) * 4u;
  if (row >= params.rows) {
    return;
  }
  let column = index / params.taps % params.columns;
  let place = index % params.taps;
  let tap = select(place, params.taps - 1u - place, FLIP);
  let offset = params.base + column * params.column_stride + tap;
  packed[index] = vec4f(element(row, offset), element(row + 1u, offset), element(row + 2u, offset), element(row + 3u, offset));
}

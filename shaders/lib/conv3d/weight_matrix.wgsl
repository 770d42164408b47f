// A convolution's weight as one matrix per tap. Rows are the computed channels, columns the summed ones: output and input channels in
// the forward pass; input and output channels in the backward pass, which also reverses the taps (FLIP).
override FLIP: bool = false;

struct WeightMatrix {
  rows: u32,
  columns: u32,
  base: u32, // element of row 0, column 0, tap 0 in the bound window
  row_stride: u32, // elements
  column_stride: u32, // elements
}

@group(0) @binding(0) var<storage, read> weight: array<f32>; // (O, I, k, k, k)

fn weight_at(row: u32, column: u32) -> u32 {
  return params.matrix.base + row * params.matrix.row_stride + column * params.matrix.column_stride;
}

// Tap `k` of `taps` of the row and column that begin at `at`.
fn weight_tap(at: u32, k: u32, taps: u32) -> f32 {
  return weight[at + select(k, taps - 1u - k, FLIP)];
}

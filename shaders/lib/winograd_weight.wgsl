// What the weight transforms of all Winograd tiles share: bindings, and which pair of channels an invocation takes. The importing
// shader says FREQUENCIES. U lies in groups of sixteen rows, rows past the last zeros. Rows, columns and FLIP are those of pack.wgsl.
override FLIP: bool = false;

struct Params {
  rows: u32,
  columns: u32,
  base: u32, // element of row 0, column 0, tap 0 in the bound window
  row_stride: u32, // elements
  column_stride: u32, // elements
}

@group(0) @binding(0) var<storage, read> weight: array<f32>; // (O, I, 3, 3, 3)
@group(0) @binding(1) var<storage, read_write> u: array<f32>; // (FREQUENCIES, rows / 16, columns, 16)
@group(0) @binding(2) var<uniform> params: Params;

fn tap(at: u32, k: u32) -> f32 {
  return weight[at + select(k, 26u - k, FLIP)];
}

// Elements of one frequency of U.
fn frequency_elements() -> u32 {
  return (params.rows + 15u) / 16u * params.columns * 16u;
}

// Where an invocation reads; not valid past the last pair, and for rows past the last, which get their zeros here.
struct Pair {
  valid: bool,
  at: u32,
}

fn pair_of(index: u32) -> Pair {
  let row = index / (params.columns * 16u) * 16u + index % 16u;
  let step = frequency_elements();
  if (index >= step) {
    return Pair(false, 0u);
  }
  if (row >= params.rows) {
    for (var frequency = 0u; frequency < FREQUENCIES; frequency++) {
      u[index + frequency * step] = 0.0;
    }
    return Pair(false, 0u);
  }
  return Pair(true, params.base + row * params.row_stride + index / 16u % params.columns * params.column_stride);
}

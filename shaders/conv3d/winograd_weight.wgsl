// Winograd, weights: w → U = G w along each axis, 27 taps → (EDGE + 2)³ frequencies. G is that of lib/winograd2 or lib/winograd4. U lies
// in groups of sixteen rows, rows past the last zeros. Rows, columns and FLIP are those of pack.wgsl.
// An invocation transforms the taps of one pair of channels.
#import lib/grid
#import lib/winograd${EDGE}_weight

const FREQUENCIES = (${EDGE}u + 2u) * (${EDGE}u + 2u) * (${EDGE}u + 2u);

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

fn store(at: u32, value: f32) {
  u[at] = value;
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = linear_index(id, count, local, 16u);
  let pair = pair_of(index);
  if (pair.valid) {
    transform_taps(pair.at, index, frequency_elements());
  }
}

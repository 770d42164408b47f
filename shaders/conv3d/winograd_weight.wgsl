// Winograd, weights: w → U = G w along each axis, 27 taps → (EDGE + 2)³ frequencies. G is that of lib/winograd/edge2 or lib/winograd/edge4. U is
// stored in groups of sixteen rows, zero-padded.
// An invocation transforms the taps of one pair of channels.
#import lib/grid
#import lib/conv3d/weight_matrix
#import lib/winograd/edge${EDGE}_weight

const FREQUENCIES = (${EDGE}u + 2u) * (${EDGE}u + 2u) * (${EDGE}u + 2u);

struct Params {
  matrix: WeightMatrix,
}

@group(0) @binding(1) var<storage, read_write> u: array<f32>; // (FREQUENCIES, rows / 16, columns, 16)
@group(0) @binding(2) var<uniform> params: Params;

fn tap(at: u32, k: u32) -> f32 {
  return weight_tap(at, k, 27u);
}

// Elements of one frequency of U.
fn frequency_elements() -> u32 {
  return (params.matrix.rows + 15u) / 16u * params.matrix.columns * 16u;
}

// What an invocation reads. Invalid beyond the last pair, and for rows beyond the last, which become zero here.
struct Pair {
  valid: bool,
  at: u32,
}

fn pair_of(index: u32) -> Pair {
  let row = index / (params.matrix.columns * 16u) * 16u + index % 16u;
  let step = frequency_elements();
  if (index >= step) {
    return Pair(false, 0u);
  }
  if (row >= params.matrix.rows) {
    for (var frequency = 0u; frequency < FREQUENCIES; frequency++) {
      u[index + frequency * step] = 0.0;
    }
    return Pair(false, 0u);
  }
  return Pair(true, weight_at(row, index / 16u % params.matrix.columns));
}

fn store(at: u32, value: f32) {
  u[at] = value;
}

@compute @workgroup_size(16)
fn main(at: Invocation) {
  let index = linear_index(at, 16u);
  let pair = pair_of(index);
  if (pair.valid) {
    transform_taps(pair.at, index, frequency_elements());
  }
}

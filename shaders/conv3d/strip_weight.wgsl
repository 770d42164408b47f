// Weights of conv3d/strip: the three taps along H of each tap along W and D → six frequencies, in groups of eight rows, zero-padded.
// An invocation transforms the taps of one pair of channels.
#import lib/grid
#import lib/conv3d/weight_matrix
#import lib/winograd/edge4_taps

struct Params {
  matrix: WeightMatrix,
}

@group(0) @binding(1) var<storage, read_write> packed: array<f32>; // (rows / 8, columns, 8, 64): 6 frequencies by 3 (W) by 3 (D) taps, padded
@group(0) @binding(2) var<uniform> params: Params;

fn store(at: u32, value: f32) {
  packed[at] = value;
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let index = index_of(at);
  let row = index / (params.matrix.columns * 8u) * 8u + index % 8u;
  if (index >= (params.matrix.rows + 7u) / 8u * params.matrix.columns * 8u) {
    return;
  }
  let column = index / 8u % params.matrix.columns;
  let to = index * 64u;
  let first = weight_at(min(row, params.matrix.rows - 1u), column);
  let exists = select(0.0, 1.0, row < params.matrix.rows);
  #repeat k: 0..9
  let six$k = transform_f32(
    exists * weight_tap(first, $k, 27u),
    exists * weight_tap(first, $k + 9, 27u),
    exists * weight_tap(first, $k + 18, 27u),
  );
  store_six(to + $k, 9u, six$k);
  #end
}

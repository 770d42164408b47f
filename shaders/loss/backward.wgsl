// Third stage of the loss: gradients with respect to logits, attention maps and presence probabilities.
#import lib/grid
#import lib/cross_entropy

struct Params {
  elements: u32,
  first_pair: u32,
  voxels: u32,
}

override ACCUMULATE: bool = false;

@group(0) @binding(0) var<storage, read> d_total: array<f32>; // (1)
@group(0) @binding(1) var<storage, read> coefficients: array<f32>; // (N * S, 6) as loss/terms orders them
@group(0) @binding(2) var<storage, read> input: array<f32>; // (pairs, V) logits or attention
@group(0) @binding(3) var<storage, read> mask: array<u32>; // (pairs, V / 32)
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>; // (pairs, V)
@group(0) @binding(5) var<uniform> params: Params;

fn add(i: u32, value: f32) {
  if (ACCUMULATE) {
    gradient[i] += value;
  } else {
    gradient[i] = value;
  }
}

fn is_inside(i: u32) -> bool {
  return ((mask[i >> 5u] >> (i & 31u)) & 1u) == 1u;
}

fn logit_derivative(i: u32) -> f32 {
  let at = (params.first_pair + i / params.voxels) * 6u;
  let inside = is_inside(i);
  let voxel = voxel_of(input[i], inside);
  // p - m without cancellation
  let cross_entropy = select(voxel.wrong, -voxel.wrong, inside);
  let dp = voxel.wrong * voxel.truth;
  return coefficients[at] * cross_entropy + coefficients[at + 1u] * focal_derivative(voxel, inside) +
    dp * (select(0.0, coefficients[at + 2u], inside) + coefficients[at + 3u]);
}

@compute @workgroup_size(WORKGROUP)
fn to_logits(at: Invocation) {
  let stride = grid_size(at);
  for (var i = index_of(at); i < params.elements; i += stride) {
    add(i, d_total[0] * logit_derivative(i));
  }
}

@compute @workgroup_size(WORKGROUP)
fn to_attention(at: Invocation) {
  let stride = grid_size(at);
  for (var i = index_of(at); i < params.elements; i += stride) {
    let coefficient = coefficients[(params.first_pair + i / params.voxels) * 6u + 4u];
    add(i, d_total[0] * coefficient * probability_cross_entropy_derivative(input[i], is_inside(i)));
  }
}

// elements: the pairs
@compute @workgroup_size(WORKGROUP)
fn to_presence_probability(at: Invocation) {
  let stride = grid_size(at);
  for (var i = index_of(at); i < params.elements; i += stride) {
    add(i, d_total[0] * coefficients[i * 6u + 5u]);
  }
}

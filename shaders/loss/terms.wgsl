// Computes the seven terms, their weighted total and the gradient factors of each pair from the sums per pair. There are a few dozen
// pairs, so a single invocation suffices, and the order is fixed.
#import lib/cross_entropy

struct Params {
  pairs: u32,
  voxels: u32,
  segmentation: f32,
  dice: f32,
  focal_seg: f32,
  absence: f32,
  attention_supervision: f32,
  false_positive_suppression: f32,
  confidence: f32,
}

const EPSILON: f32 = 1e-6;

@group(0) @binding(0) var<storage, read> sums: array<f32>; // (N * S, 8) as loss/sums orders them
@group(0) @binding(1) var<storage, read> presence_probability: array<f32>; // (N * S) q
@group(0) @binding(2) var<storage, read> presence: array<f32>; // (N * S) y: 1 present, 0 absent, -1 unknown
@group(0) @binding(3) var<storage, read_write> terms: array<f32>; // seven terms, total
@group(0) @binding(4) var<storage, read_write> total: array<f32>; // (1)
// (N * S, 6): factors of d(cross-entropy)/dz, d(focal)/dz, m dp/dz, dp/dz, d(attention cross-entropy)/dA; and dL/dq
@group(0) @binding(5) var<storage, read_write> coefficients: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

// 1 / count, and 0 for an empty set, whose mean is 0
fn share(count: f32) -> f32 {
  return select(0.0, 1.0 / max(count, 1.0), count > 0.0);
}

fn is_present(pair: u32) -> bool {
  return presence[pair] > 0.5;
}

fn is_known(pair: u32) -> bool {
  return presence[pair] > -0.5;
}

// The classifier is on the wrong side of one half.
fn is_mistaken(q: f32, present: bool) -> bool {
  return (present && q < 0.5) || (!present && q > 0.5);
}

struct Shares {
  present: f32, // 1 / |P|
  absent: f32, // 1 / |N|
  known: f32, // 1 / (B S), without unknown pairs
}

fn count_shares() -> Shares {
  var present = 0.0;
  var known = 0.0;
  for (var pair = 0u; pair < params.pairs; pair++) {
    known += select(0.0, 1.0, is_known(pair));
    present += select(0.0, 1.0, is_present(pair));
  }
  return Shares(share(present), share(known - present), share(known));
}

fn d_presence_probability(q: f32, present: bool, shares: Shares) -> f32 {
  let confidence = select(0.0, 2.0 * (q - 0.5), is_mistaken(q, present));
  return shares.known *
    (params.absence * probability_cross_entropy_derivative(q, present) + params.confidence * confidence);
}

fn write_coefficients(pair: u32, shares: Shares) {
  let per_voxel = 1.0 / f32(params.voxels);
  let at = pair * 6u;
  for (var j = 0u; j < 6u; j++) {
    coefficients[at + j] = 0.0;
  }
  if (!is_known(pair)) {
    return;
  }
  let present = is_present(pair);
  coefficients[at + 5u] = d_presence_probability(presence_probability[pair], present, shares);
  if (!present) {
    coefficients[at + 3u] = params.false_positive_suppression * shares.absent * per_voxel;
    return;
  }
  let numerator = 2.0 * sums[pair * 8u + 1u] + EPSILON;
  let denominator = sums[pair * 8u + 2u] + sums[pair * 8u + 3u] + EPSILON;
  coefficients[at] = params.segmentation * shares.present * per_voxel;
  coefficients[at + 1u] = params.focal_seg * shares.present * per_voxel;
  coefficients[at + 2u] = -2.0 * params.dice * shares.present / denominator;
  coefficients[at + 3u] = params.dice * shares.present * (numerator / denominator) / denominator;
  coefficients[at + 4u] = params.attention_supervision * shares.known * per_voxel;
}

@compute @workgroup_size(1)
fn main() {
  let shares = count_shares();
  let per_voxel = 1.0 / f32(params.voxels);
  var segmentation = 0.0;
  var dice = 0.0;
  var focal_seg = 0.0;
  var absence = 0.0;
  var attention_supervision = 0.0;
  var false_positive_suppression = 0.0;
  var confidence = 0.0;
  for (var pair = 0u; pair < params.pairs; pair++) {
    write_coefficients(pair, shares);
    if (!is_known(pair)) {
      continue;
    }
    let at = pair * 8u;
    let present = is_present(pair);
    let q = presence_probability[pair];
    absence += probability_cross_entropy(q, present);
    confidence += select(0.0, (q - 0.5) * (q - 0.5), is_mistaken(q, present));
    if (present) {
      segmentation += sums[at] * per_voxel;
      dice += 1.0 - (2.0 * sums[at + 1u] + EPSILON) / (sums[at + 2u] + sums[at + 3u] + EPSILON);
      focal_seg += sums[at + 4u] * per_voxel;
      attention_supervision += sums[at + 5u] * per_voxel;
    } else {
      false_positive_suppression += sums[at + 2u] * per_voxel;
    }
  }
  terms[0] = segmentation * shares.present;
  terms[1] = dice * shares.present;
  terms[2] = focal_seg * shares.present;
  terms[3] = absence * shares.known;
  terms[4] = attention_supervision * shares.known;
  terms[5] = false_positive_suppression * shares.absent;
  terms[6] = confidence * shares.known;
  let sum = params.segmentation * terms[0] + params.dice * terms[1] + params.focal_seg * terms[2] +
    params.absence * terms[3] + params.attention_supervision * terms[4] +
    params.false_positive_suppression * terms[5] + params.confidence * terms[6];
  terms[7] = sum;
  total[0] = sum;
}

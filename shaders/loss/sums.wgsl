// First stage of the loss: one invocation sums eight quantities over one chunk of one pair's voxels.
#import lib/grid
#import lib/cross_entropy

struct Params {
  pairs: u32,
  first_pair: u32,
  voxels: u32,
  chunks: u32, // a multiple of 32, so that an invocation meets one bit position only
}

@group(0) @binding(0) var<storage, read> logits: array<f32>; // (pairs, V)
@group(0) @binding(1) var<storage, read> attention: array<f32>; // (pairs, V)
@group(0) @binding(2) var<storage, read> mask: array<u32>; // (pairs, V / 32)
@group(0) @binding(3) var<storage, read_write> partials: array<f32>; // (N * S, 8, chunks)
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear_index(group, groups, local, 64u);
  if (i >= params.pairs * params.chunks) {
    return;
  }
  let pair = i / params.chunks;
  let chunk = i % params.chunks;
  let start = pair * params.voxels;
  var cross_entropy = 0.0;
  var overlap = 0.0; // p m
  var probability = 0.0; // p
  var inside_count = 0.0; // m
  var focal_sum = 0.0;
  var attention_sum = 0.0; // cross-entropy of A against m
  var hard_overlap = 0.0; // p > 0.5 and m
  var hard_count = 0.0; // p > 0.5
  for (var v = chunk; v < params.voxels; v += params.chunks) {
    let z = logits[start + v];
    let inside = ((mask[(start + v) >> 5u] >> (v & 31u)) & 1u) == 1u;
    let m = select(0.0, 1.0, inside);
    let voxel = voxel_of(z, inside);
    let hard = select(0.0, 1.0, z > 0.0);
    cross_entropy += voxel.cross_entropy;
    overlap += voxel.p * m;
    probability += voxel.p;
    inside_count += m;
    focal_sum += focal(voxel);
    attention_sum += probability_cross_entropy(attention[start + v], inside);
    hard_overlap += hard * m;
    hard_count += hard;
  }
  let at = (params.first_pair + pair) * 8u * params.chunks + chunk;
  partials[at] = cross_entropy;
  partials[at + params.chunks] = overlap;
  partials[at + 2u * params.chunks] = probability;
  partials[at + 3u * params.chunks] = inside_count;
  partials[at + 4u * params.chunks] = focal_sum;
  partials[at + 5u * params.chunks] = attention_sum;
  partials[at + 6u * params.chunks] = hard_overlap;
  partials[at + 7u * params.chunks] = hard_count;
}

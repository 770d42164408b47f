// First stage of the bias gradient: one invocation sums one chunk of one pair's voxels. The partials of a structure lie together,
// sample after sample, so that the second stage sums plain rows.
#import lib/grid

struct Params {
  pairs: u32,
  first_pair: u32,
  voxels: u32,
  chunks: u32,
  samples: u32,
  structures: u32,
}

@group(0) @binding(0) var<storage, read> d_logits: array<f32>; // (pairs, V)
@group(0) @binding(1) var<storage, read_write> partials: array<f32>; // (S, N, chunks)
@group(0) @binding(2) var<uniform> params: Params;

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
  let chunk = i % params.chunks;
  let start = i / params.chunks * params.voxels;
  var sum = 0.0;
  for (var v = chunk; v < params.voxels; v += params.chunks) {
    sum += d_logits[start + v];
  }
  let pair = params.first_pair + i / params.chunks;
  let row = pair % params.structures * params.samples + pair / params.structures;
  partials[row * params.chunks + chunk] = sum;
}

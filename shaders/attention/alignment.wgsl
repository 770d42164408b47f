// First stage of alignment = mean over voxels of A * sigmoid(R): one invocation sums one chunk of one pair's voxels.
#import lib/grid
#import lib/math
#import lib/activation

struct Params {
  pairs: u32,
  first_pair: u32,
  voxels: u32,
  chunks: u32,
}

@group(0) @binding(0) var<storage, read> attention: array<f32>; // (pairs, V)
@group(0) @binding(1) var<storage, read> response: array<Activation>; // (pairs, V)
@group(0) @binding(2) var<storage, read_write> partials: array<f32>; // (N * S, chunks)
@group(0) @binding(3) var<uniform> params: Params;

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
  let start = pair * params.voxels;
  var sum = 0.0;
  for (var v = i % params.chunks; v < params.voxels; v += params.chunks) {
    sum += attention[start + v] * sigmoid(f32(response[start + v]));
  }
  partials[params.first_pair * params.chunks + i] = sum;
}

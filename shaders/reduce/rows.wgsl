// Second stage of a sum: sums[row] = scale * sum of values[row], one workgroup a row.
#import lib/grid
#import lib/workgroup_sum

struct Params {
  rows: u32,
  length: u32,
  scale: f32,
}

override ACCUMULATE: bool = false;

@group(0) @binding(0) var<storage, read> values: array<f32>; // (rows, length)
@group(0) @binding(1) var<storage, read_write> sums: array<f32>; // (rows)
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = linear_workgroup(group, groups);
  if (row >= params.rows) {
    return;
  }
  var sum = 0.0;
  for (var i = local; i < params.length; i += 64u) {
    sum += values[row * params.length + i];
  }
  let total = params.scale * workgroup_sum(sum, local);
  if (local == 0u) {
    if (ACCUMULATE) {
      sums[row] += total;
    } else {
      sums[row] = total;
    }
  }
}

// Second stage of a sum: sums[row] = scale * sum of values[row], one workgroup per row.
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

@compute @workgroup_size(WORKGROUP)
fn main(at: Workgroup, @builtin(local_invocation_index) local: u32) {
  let row = workgroup_of(at);
  if (row >= params.rows) {
    return;
  }
  var sum = 0.0;
  for (var i = local; i < params.length; i += WORKGROUP) {
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

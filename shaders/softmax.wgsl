#import lib/grid

// Softmax over rows: an invocation takes a row.
override ACCUMULATE: bool = false;

struct Params {
  rows: u32,
  length: u32, // of a row
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (rows, length)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (rows, length)

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = linear_index(group, groups, local, 64u);
  if (row >= params.rows) {
    return;
  }
  let first = row * params.length;
  let end = first + params.length;
  var largest = x[first];
  for (var i = first + 1u; i < end; i++) {
    largest = max(largest, x[i]);
  }
  var sum = 0.0;
  for (var i = first; i < end; i++) {
    let e = exp(x[i] - largest);
    sum += e;
    y[i] = e;
  }
  for (var i = first; i < end; i++) {
    y[i] /= sum;
  }
}

@group(0) @binding(3) var<storage, read> output: array<f32>; // (rows, length)
@group(0) @binding(4) var<storage, read> d_output: array<f32>; // (rows, length)
@group(0) @binding(5) var<storage, read_write> d_input: array<f32>; // (rows, length)

@compute @workgroup_size(64)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = linear_index(group, groups, local, 64u);
  if (row >= params.rows) {
    return;
  }
  let first = row * params.length;
  let end = first + params.length;
  var mean = 0.0;
  for (var i = first; i < end; i++) {
    mean = fma(output[i], d_output[i], mean);
  }
  for (var i = first; i < end; i++) {
    d_input[i] = select(0.0, d_input[i], ACCUMULATE) + output[i] * (d_output[i] - mean);
  }
}

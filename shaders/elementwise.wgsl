// A function of single elements and its gradient, which follows from the output alone: ReLU, or the sigmoid.
#import lib/grid
#import lib/span
#import lib/math

override ACCUMULATE: bool = false;
override SIGMOID: bool = false; // ReLU otherwise

struct Params {
  cut: vec4u, // the elements as one plane
  invocations: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn value(element: f32) -> f32 {
  if (SIGMOID) {
    return sigmoid(element);
  }
  return max(element, 0.0);
}

fn gradient(p: f32, d: f32) -> f32 {
  if (SIGMOID) {
    return d * p * (1.0 - p);
  }
  return select(0.0, d, p > 0.0);
}

@compute @workgroup_size(64)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = linear_index(group, groups, local, 64u);
  if (index >= params.invocations) {
    return;
  }
  let span = span_of(index, params.cut);
  for (var i = span.first; i < span.end; i += params.cut.y) {
    y[i] = value(x[i]);
  }
}

@group(0) @binding(3) var<storage, read> output: array<f32>;
@group(0) @binding(4) var<storage, read> d_output: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_input: array<f32>;

@compute @workgroup_size(64)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = linear_index(group, groups, local, 64u);
  if (index >= params.invocations) {
    return;
  }
  let span = span_of(index, params.cut);
  for (var i = span.first; i < span.end; i += params.cut.y) {
    d_input[i] = select(0.0, d_input[i], ACCUMULATE) + gradient(output[i], d_output[i]);
  }
}

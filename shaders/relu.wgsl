#import lib/grid
#import lib/span

override ACCUMULATE: bool = false;

struct Params {
  cut: vec4u, // the elements as one plane
  invocations: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

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
    y[i] = max(x[i], 0.0);
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
    d_input[i] = select(0.0, d_input[i], ACCUMULATE) + select(0.0, d_output[i], output[i] > 0.0);
  }
}

#import lib/grid
#import lib/span
#import lib/activation

// Each voxel of a plane gets the same share of the gradient of the plane's mean.
override ACCUMULATE: bool = false;

struct Params {
  cut: vec4u,
  invocations: u32,
  plane: u32, // first plane of this slice
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_output: array<f32>; // (N, C)
@group(0) @binding(2) var<storage, read_write> d_input: array<Activation>; // (planes, V)

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = linear_index(group, groups, local, 64u);
  if (index >= params.invocations) {
    return;
  }
  let span = span_of(index, params.cut);
  let plane = span.plane * params.cut.x;
  let share = d_output[params.plane + span.plane] / f32(params.cut.x);
  for (var v = span.first; v < span.end; v += params.cut.y) {
    d_input[plane + v] = Activation(select(0.0, f32(d_input[plane + v]), ACCUMULATE) + share);
  }
}

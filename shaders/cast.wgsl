// Copies between f32 and what activations are stored as, either way.
#import lib/grid
#import lib/span
#import lib/activation

override ACCUMULATE: bool = false;

struct Params {
  cut: vec4u, // the elements as one plane
  invocations: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> wide: array<f32>;
@group(0) @binding(2) var<storage, read_write> narrowed: array<Activation>;

@compute @workgroup_size(64)
fn narrow(
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
    narrowed[i] = Activation(select(0.0, f32(narrowed[i]), ACCUMULATE) + wide[i]);
  }
}

@group(0) @binding(3) var<storage, read> short: array<Activation>;
@group(0) @binding(4) var<storage, read_write> widened: array<f32>;

@compute @workgroup_size(64)
fn widen(
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
    widened[i] = select(0.0, widened[i], ACCUMULATE) + f32(short[i]);
  }
}

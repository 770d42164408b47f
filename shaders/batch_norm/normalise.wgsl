#import lib/grid
#import lib/span
#import lib/source_normalised
#import lib/activation

// y = (x − mean) / deviation · weight + bias, with a ReLU after it when asked for: for readers that cannot do so themselves.
struct Params {
  cut: vec4u,
  invocations: u32,
  channel: u32, // first channel of this slice
  channels: u32, // of this slice
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Activation>; // (planes, V)
@group(0) @binding(2) var<storage, read_write> y: array<Activation>; // (planes, V)

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
  let channel = source_channel(params.channel + span.plane % params.channels);
  for (var v = span.first; v < span.end; v += params.cut.y) {
    y[plane + v] = Activation(from_source(f32(x[plane + v]), channel));
  }
}

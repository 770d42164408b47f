#import lib/grid
#import lib/span
#import lib/activation
#import lib/source

// First stage of the mean over voxels: the sum of every span.
struct Params {
  cut: vec4u,
  invocations: u32,
  part: u32, // index of the first span of this slice
  channel: u32, // first channel of this slice
  channels: u32, // of this slice
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Activation>; // (planes, V)
@group(0) @binding(2) var<storage, read_write> partials: array<f32>; // (N, C, parts)

fn load(at: u32, channel: vec4f) -> f32 {
  return from_source(f32(x[at]), channel);
}

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
  var sum = 0.0;
  for (var v = span.first; v < span.end; v += params.cut.y) {
    sum += load(plane + v, channel);
  }
  partials[params.part + index] = sum;
}

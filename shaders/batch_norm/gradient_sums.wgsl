#import lib/grid
#import lib/span
#import lib/batch_norm
#import lib/activation

// First stage of the backward reduction: (Σ dy, Σ dy · x̂) of every span, dy taken behind the ReLU when RELU is set.
override RELU: bool = false;

struct Params {
  cut: vec4u,
  invocations: u32,
  part: u32, // index of the first span of this slice
  channel: u32, // first channel of this slice
  channels: u32, // of this slice
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Activation>; // (planes, V)
@group(0) @binding(2) var<storage, read> d_output: array<Activation>; // (planes, V)
@group(0) @binding(3) var<storage, read> coefficients: array<vec4f>; // (C)
@group(0) @binding(4) var<storage, read_write> partials: array<vec2f>; // (N, C, parts)

fn load(at: u32) -> f32 {
  return f32(x[at]);
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
  let c = params.channel + span.plane % params.channels;
  let channel = coefficients[c];
  var sums = vec2f(0.0);
  for (var v = span.first; v < span.end; v += params.cut.y) {
    let value = load(plane + v);
    let dead = RELU && affine(value, channel) <= 0.0;
    let dy = select(f32(d_output[plane + v]), 0.0, dead);
    sums += vec2f(dy, dy * standardised(value, channel));
  }
  partials[params.part + index] = sums;
}

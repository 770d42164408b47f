#import lib/grid
#import lib/span
#import lib/batch_norm
#import lib/activation

// d(x) under the batch's own statistics: weight / deviation · (dy − mean(dy) − x̂ · mean(dy · x̂)); x̂ is recomputed from x.
override RELU: bool = false;
override ACCUMULATE: bool = false;

struct Params {
  cut: vec4u,
  invocations: u32,
  channel: u32, // first channel of this slice
  channels: u32, // of this slice
  share: f32, // 1 / (values of a channel); 0 under running statistics, which do not depend on x
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Activation>; // (planes, V)
@group(0) @binding(2) var<storage, read> d_output: array<Activation>; // (planes, V)
@group(0) @binding(3) var<storage, read> coefficients: array<vec4f>; // (C)
@group(0) @binding(4) var<storage, read> sums: array<vec2f>; // (C) (Σ dy, Σ dy · x̂)
@group(0) @binding(5) var<storage, read_write> d_input: array<Activation>; // (planes, V)

fn load(at: u32) -> f32 {
  return f32(x[at]);
}

// The share of one value in d(x); dy is what comes from above.
fn gradient(value: f32, above: f32, channel: vec4f, means: vec2f) -> f32 {
  let dead = RELU && affine(value, channel) <= 0.0;
  let dy = select(above, 0.0, dead);
  return channel.z * (dy - means.x - standardised(value, channel) * means.y);
}

fn channel_of(span: Span) -> u32 {
  return params.channel + span.plane % params.channels;
}

@compute @workgroup_size(64)
fn apart(
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
  let channel = coefficients[channel_of(span)];
  let means = sums[channel_of(span)] * params.share;
  for (var v = plane + span.first; v < plane + span.end; v += params.cut.y) {
    let before = select(0.0, f32(d_input[v]), ACCUMULATE);
    d_input[v] = Activation(before + gradient(load(v), f32(d_output[v]), channel, means));
  }
}

// d(x) in the memory of dy, which nobody reads any more.
@compute @workgroup_size(64)
fn in_place(
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
  let channel = coefficients[channel_of(span)];
  let means = sums[channel_of(span)] * params.share;
  for (var v = plane + span.first; v < plane + span.end; v += params.cut.y) {
    d_input[v] = Activation(gradient(load(v), f32(d_input[v]), channel, means));
  }
}

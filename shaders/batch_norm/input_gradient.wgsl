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
  correction: f32,
  epsilon: f32,
  share: f32, // 1 / (values of a channel); 0 under running statistics, which do not depend on x
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Activation>; // (planes, V)
@group(0) @binding(2) var<storage, read> d_output: array<Activation>; // (planes, V)
@group(0) @binding(3) var<storage, read> weight: array<f32>; // (C)
@group(0) @binding(4) var<storage, read> bias: array<f32>; // (C)
@group(0) @binding(5) var<storage, read> mean: array<f32>; // (C)
@group(0) @binding(6) var<storage, read> variance: array<f32>; // (C)
@group(0) @binding(7) var<storage, read> sums: array<vec2f>; // (C) (Σ dy, Σ dy · x̂)
@group(0) @binding(8) var<storage, read_write> d_input: array<Activation>; // (planes, V)

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
  let centre = mean[c];
  let scale = inverse_deviation(variance[c], params.correction, params.epsilon);
  let w = weight[c];
  let b = bias[c];
  let means = sums[c] * params.share;
  for (var v = span.first; v < span.end; v += params.cut.y) {
    let standardised = (load(plane + v) - centre) * scale;
    let dead = RELU && affine(standardised, w, b) <= 0.0;
    let dy = select(f32(d_output[plane + v]), 0.0, dead);
    let before = select(0.0, f32(d_input[plane + v]), ACCUMULATE);
    d_input[plane + v] = Activation(before + w * scale * (dy - means.x - standardised * means.y));
  }
}

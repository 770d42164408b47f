#import lib/span
#import lib/batch_norm
#import lib/activation

// d(x) under the batch's own statistics: weight / deviation · (dy − mean(dy) − x̂ · mean(dy · x̂)); x̂ is recomputed from x.
override RELU: bool = false;
override ACCUMULATE: bool = false;

struct Params {
  spans: Spans,
  share: f32, // 1 / (values of a channel); 0 under running statistics, which do not depend on x
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Activation>; // (planes, V)
@group(0) @binding(2) var<storage, read> d_output: array<Activation>; // (planes, V)
@group(0) @binding(3) var<storage, read> coefficients: array<vec4f>; // (C)
@group(0) @binding(4) var<storage, read> sums: array<vec2f>; // (C) (Σ dy, Σ dy · x̂)
@group(0) @binding(5) var<storage, read_write> d_input: array<Activation>; // (planes, V)

// The contribution to d(x) at voxel v; `above` is the output gradient.
fn gradient(v: u32, above: f32, channel: vec4f, means: vec2f) -> f32 {
  let value = f32(x[v]);
  let dead = RELU && affine(value, channel) <= 0.0;
  let dy = select(above, 0.0, dead);
  return channel.z * (dy - means.x - standardised(value, channel) * means.y);
}

@compute @workgroup_size(WORKGROUP)
fn apart(at: Invocation) {
  let span = span_at(at, params.spans);
  let channel = coefficients[span.channel];
  let means = sums[span.channel] * params.share;
  for (var v = span.first; v < span.end; v += span.step) {
    let before = select(0.0, f32(d_input[v]), ACCUMULATE);
    d_input[v] = Activation(before + gradient(v, f32(d_output[v]), channel, means));
  }
}

// d(x) overwrites dy, which is dead after this kernel.
@compute @workgroup_size(WORKGROUP)
fn in_place(at: Invocation) {
  let span = span_at(at, params.spans);
  let channel = coefficients[span.channel];
  let means = sums[span.channel] * params.share;
  for (var v = span.first; v < span.end; v += span.step) {
    d_input[v] = Activation(gradient(v, f32(d_input[v]), channel, means));
  }
}

#import lib/grid
#import lib/math

// The second component of the softmax of two logits: sigmoid(second − first).
override ACCUMULATE: bool = false;

struct Params {
  pairs: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<vec2f>; // (N, S) (absent, present)
@group(0) @binding(2) var<storage, read_write> probability: array<f32>; // (N, S)

@compute @workgroup_size(WORKGROUP)
fn forward(at: Invocation) {
  let i = index_of(at);
  if (i < params.pairs) {
    probability[i] = sigmoid(logits[i].y - logits[i].x);
  }
}

@group(0) @binding(3) var<storage, read> output: array<f32>; // (N, S)
@group(0) @binding(4) var<storage, read> d_output: array<f32>; // (N, S)
@group(0) @binding(5) var<storage, read_write> d_logits: array<vec2f>; // (N, S) (absent, present)

@compute @workgroup_size(WORKGROUP)
fn backward(at: Invocation) {
  let i = index_of(at);
  if (i < params.pairs) {
    let p = output[i];
    let slope = d_output[i] * p * (1.0 - p);
    d_logits[i] = select(vec2f(0.0), d_logits[i], ACCUMULATE) + vec2f(-slope, slope);
  }
}

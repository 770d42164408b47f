// An elementwise function and its gradient, which depends on the output only: ReLU or sigmoid.
#import lib/span
#import lib/math
#import lib/activation

override ACCUMULATE: bool = false;
override SIGMOID: bool = false; // ReLU otherwise

@group(0) @binding(0) var<uniform> params: Spans; // the elements as one plane
@group(0) @binding(1) var<storage, read> x: array<Activation>;
@group(0) @binding(2) var<storage, read_write> y: array<Activation>;

fn value(element: f32) -> f32 {
  if (SIGMOID) {
    return sigmoid(element);
  }
  return max(element, 0.0);
}

fn gradient(p: f32, d: f32) -> f32 {
  if (SIGMOID) {
    return d * p * (1.0 - p);
  }
  return select(0.0, d, p > 0.0);
}

@compute @workgroup_size(WORKGROUP)
fn forward(at: Invocation) {
  let span = span_at(at, params);
  for (var i = span.first; i < span.end; i += span.step) {
    y[i] = Activation(value(f32(x[i])));
  }
}

@group(0) @binding(3) var<storage, read> output: array<Activation>;
@group(0) @binding(4) var<storage, read> d_output: array<Activation>;
@group(0) @binding(5) var<storage, read_write> d_input: array<Activation>;

@compute @workgroup_size(WORKGROUP)
fn backward(at: Invocation) {
  let span = span_at(at, params);
  for (var i = span.first; i < span.end; i += span.step) {
    let before = select(0.0, f32(d_input[i]), ACCUMULATE);
    d_input[i] = Activation(before + gradient(f32(output[i]), f32(d_output[i])));
  }
}

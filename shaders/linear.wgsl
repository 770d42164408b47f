#import lib/grid

// y = x · Wᵀ + b for small layers: one element per invocation.
override ACCUMULATE: bool = false;

struct Params {
  samples: u32,
  inputs: u32,
  outputs: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // (N, I)
@group(0) @binding(2) var<storage, read> weight: array<f32>; // (O, I)
@group(0) @binding(3) var<storage, read> bias: array<f32>; // (O)
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // (N, O)

@compute @workgroup_size(WORKGROUP)
fn forward(at: Invocation) {
  let index = index_of(at);
  if (index >= params.samples * params.outputs) {
    return;
  }
  let n = index / params.outputs;
  let o = index - n * params.outputs;
  var sum = bias[o];
  for (var i = 0u; i < params.inputs; i++) {
    sum = fma(x[n * params.inputs + i], weight[o * params.inputs + i], sum);
  }
  y[index] = sum;
}

@group(0) @binding(5) var<storage, read> d_output: array<f32>; // (N, O)
@group(0) @binding(6) var<storage, read_write> gradient: array<f32>; // the shape of the differentiated tensor

fn add(index: u32, sum: f32) {
  gradient[index] = select(0.0, gradient[index], ACCUMULATE) + sum;
}

@compute @workgroup_size(WORKGROUP)
fn input_gradient(at: Invocation) {
  let index = index_of(at);
  if (index >= params.samples * params.inputs) {
    return;
  }
  let n = index / params.inputs;
  let i = index - n * params.inputs;
  var sum = 0.0;
  for (var o = 0u; o < params.outputs; o++) {
    sum = fma(d_output[n * params.outputs + o], weight[o * params.inputs + i], sum);
  }
  add(index, sum);
}

@compute @workgroup_size(WORKGROUP)
fn weight_gradient(at: Invocation) {
  let index = index_of(at);
  if (index >= params.outputs * params.inputs) {
    return;
  }
  let o = index / params.inputs;
  let i = index - o * params.inputs;
  var sum = 0.0;
  for (var n = 0u; n < params.samples; n++) {
    sum = fma(d_output[n * params.outputs + o], x[n * params.inputs + i], sum);
  }
  add(index, sum);
}

@compute @workgroup_size(WORKGROUP)
fn bias_gradient(at: Invocation) {
  let o = index_of(at);
  if (o >= params.outputs) {
    return;
  }
  var sum = 0.0;
  for (var n = 0u; n < params.samples; n++) {
    sum += d_output[n * params.outputs + o];
  }
  add(o, sum);
}

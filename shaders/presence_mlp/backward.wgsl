#import lib/grid
#import lib/presence_layers

// Gradients of the presence classifiers. `deltas` propagates back to the first layer, one workgroup per (sample, structure). The other
// entry points compute gradients from the deltas, one element per invocation.
override ACCUMULATE: bool = false;

struct Params {
  layers: Layers,
  samples: u32,
  scale: f32, // 1 / (1 − dropout probability)
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parameters: array<f32>; // (S, stride)
@group(0) @binding(2) var<storage, read> hidden1: array<f32>; // (N, S, hidden.x)
@group(0) @binding(3) var<storage, read> hidden2: array<f32>; // (N, S, hidden.y)
@group(0) @binding(4) var<storage, read> d_logits: array<f32>; // (N, S, 2)
@group(0) @binding(5) var<storage, read_write> delta1: array<f32>; // (N, S, hidden.x), before the ReLU
@group(0) @binding(6) var<storage, read_write> delta2: array<f32>; // (N, S, hidden.y), before the ReLU

@compute @workgroup_size(WORKGROUP)
fn deltas(at: Workgroup, @builtin(local_invocation_index) local: u32) {
  let pair = workgroup_of(at);
  if (pair >= params.samples * params.layers.structures) {
    return;
  }
  let base = (pair % params.layers.structures) * params.layers.stride;
  for (var unit = local; unit < params.layers.hidden.y; unit += WORKGROUP) {
    let weight = base + params.layers.weights.z + unit;
    let sum = d_logits[2u * pair] * parameters[weight] + d_logits[2u * pair + 1u] * parameters[weight + params.layers.hidden.y];
    let index = pair * params.layers.hidden.y + unit;
    delta2[index] = select(0.0, sum, hidden2[index] > 0.0);
  }
  storageBarrier();
  for (var unit = local; unit < params.layers.hidden.x; unit += WORKGROUP) {
    var sum = 0.0;
    for (var o = 0u; o < params.layers.hidden.y; o++) {
      let weight = parameters[base + params.layers.weights.y + o * params.layers.hidden.x + unit];
      sum = fma(delta2[pair * params.layers.hidden.y + o], weight, sum);
    }
    let index = pair * params.layers.hidden.x + unit;
    // Units zeroed by the ReLU or dropout are 0 here, so the mask need not be drawn again.
    delta1[index] = select(0.0, sum * params.scale, hidden1[index] > 0.0);
  }
}

@group(0) @binding(7) var<storage, read> first_delta: array<f32>; // delta1 from `deltas`
@group(0) @binding(8) var<storage, read> second_delta: array<f32>; // delta2 from `deltas`
@group(0) @binding(9) var<storage, read_write> gradient: array<f32>; // the shape of the differentiated tensor

fn add(index: u32, sum: f32) {
  gradient[index] = select(0.0, gradient[index], ACCUMULATE) + sum;
}

// Σ over the units of the first layer of delta · weight of input `input`.
fn first_layer_gradient(pair: u32, structure: u32, input: u32) -> f32 {
  var sum = 0.0;
  for (var unit = 0u; unit < params.layers.hidden.x; unit++) {
    let weight = parameters[structure * params.layers.stride + params.layers.weights.x + unit * (params.layers.features + 1u) + input];
    sum = fma(first_delta[pair * params.layers.hidden.x + unit], weight, sum);
  }
  return sum;
}

@compute @workgroup_size(WORKGROUP)
fn pooled_gradient(at: Invocation) {
  let index = index_of(at);
  if (index >= params.samples * params.layers.features) {
    return;
  }
  let sample = index / params.layers.features;
  var sum = 0.0;
  for (var s = 0u; s < params.layers.structures; s++) {
    sum += first_layer_gradient(sample * params.layers.structures + s, s, index - sample * params.layers.features);
  }
  add(index, sum);
}

@compute @workgroup_size(WORKGROUP)
fn alignment_gradient(at: Invocation) {
  let pair = index_of(at);
  if (pair < params.samples * params.layers.structures) {
    add(pair, first_layer_gradient(pair, pair % params.layers.structures, params.layers.features));
  }
}

@group(0) @binding(10) var<storage, read> pooled: array<f32>; // (N, F)
@group(0) @binding(11) var<storage, read> alignment: array<f32>; // (N, S)

// Layer l of a pair: its inputs' count, its outputs' count, an input's value, an output's delta.
fn inputs_of(l: u32) -> u32 {
  return vec3u(params.layers.features + 1u, params.layers.hidden)[l];
}

fn outputs_of(l: u32) -> u32 {
  return vec3u(params.layers.hidden, 2u)[l];
}

fn input_value(l: u32, sample: u32, pair: u32, i: u32) -> f32 {
  if (l == 2u) {
    return hidden2[pair * params.layers.hidden.y + i];
  }
  if (l == 1u) {
    return hidden1[pair * params.layers.hidden.x + i];
  }
  if (i == params.layers.features) {
    return alignment[pair];
  }
  return pooled[sample * params.layers.features + i];
}

fn output_delta(l: u32, pair: u32, o: u32) -> f32 {
  if (l == 2u) {
    return d_logits[2u * pair + o];
  }
  if (l == 1u) {
    return second_delta[pair * params.layers.hidden.y + o];
  }
  return first_delta[pair * params.layers.hidden.x + o];
}

// The gradient of element `at` of a structure's parameters; 0 for the padding between them.
fn parameter_gradient(structure: u32, at: u32) -> f32 {
  var sum = 0.0;
  for (var l = 0u; l < 3u; l++) {
    let inputs = inputs_of(l);
    let outputs = outputs_of(l);
    let in_weights = at >= params.layers.weights[l] && at < params.layers.weights[l] + inputs * outputs;
    let in_biases = at >= params.layers.biases[l] && at < params.layers.biases[l] + outputs;
    if (!in_weights && !in_biases) {
      continue;
    }
    let o = select(at - params.layers.biases[l], (at - params.layers.weights[l]) / inputs, in_weights);
    let i = (at - params.layers.weights[l]) % inputs;
    for (var n = 0u; n < params.samples; n++) {
      let pair = n * params.layers.structures + structure;
      var value = 1.0;
      if (in_weights) {
        value = input_value(l, n, pair, i);
      }
      sum = fma(output_delta(l, pair, o), value, sum);
    }
  }
  return sum;
}

@compute @workgroup_size(WORKGROUP)
fn block_gradient(at: Invocation) {
  let index = index_of(at);
  let structure = index / params.layers.stride;
  if (structure < params.layers.structures) {
    add(index, parameter_gradient(structure, index % params.layers.stride));
  }
}

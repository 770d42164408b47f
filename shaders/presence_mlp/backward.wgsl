#import lib/grid

// Gradients of the presence classifiers: `deltas` walks back to the first layer's input, one workgroup a (sample, structure); the
// other entry points follow from the deltas, one number an invocation.
override ACCUMULATE: bool = false;

struct Params {
  samples: u32,
  structures: u32,
  features: u32, // F
  hidden: vec2u,
  stride: u32, // elements from one structure's parameters to the next
  weights: vec3u, // offsets of the three layers within a structure
  biases: vec3u,
  scale: f32, // 1 / (1 − dropout probability)
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parameters: array<f32>; // (S, stride)
@group(0) @binding(2) var<storage, read> hidden1: array<f32>; // (N, S, hidden.x)
@group(0) @binding(3) var<storage, read> hidden2: array<f32>; // (N, S, hidden.y)
@group(0) @binding(4) var<storage, read> d_logits: array<f32>; // (N, S, 2)
@group(0) @binding(5) var<storage, read_write> delta1: array<f32>; // (N, S, hidden.x), in front of the ReLU
@group(0) @binding(6) var<storage, read_write> delta2: array<f32>; // (N, S, hidden.y), in front of the ReLU

const WIDTH: u32 = 64u;

@compute @workgroup_size(64)
fn deltas(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let pair = linear_workgroup(group, groups);
  if (pair >= params.samples * params.structures) {
    return;
  }
  let base = (pair % params.structures) * params.stride;
  for (var unit = local; unit < params.hidden.y; unit += WIDTH) {
    let weight = base + params.weights.z + unit;
    let sum = d_logits[2u * pair] * parameters[weight] + d_logits[2u * pair + 1u] * parameters[weight + params.hidden.y];
    let index = pair * params.hidden.y + unit;
    delta2[index] = select(0.0, sum, hidden2[index] > 0.0);
  }
  storageBarrier();
  for (var unit = local; unit < params.hidden.x; unit += WIDTH) {
    var sum = 0.0;
    for (var o = 0u; o < params.hidden.y; o++) {
      let weight = parameters[base + params.weights.y + o * params.hidden.x + unit];
      sum = fma(delta2[pair * params.hidden.y + o], weight, sum);
    }
    let index = pair * params.hidden.x + unit;
    // What the ReLU or the dropout put out is 0 here, so the mask need not be drawn again.
    delta1[index] = select(0.0, sum * params.scale, hidden1[index] > 0.0);
  }
}

@group(0) @binding(7) var<storage, read> first_delta: array<f32>; // delta1, as `deltas` left it
@group(0) @binding(8) var<storage, read> second_delta: array<f32>; // delta2, as `deltas` left it
@group(0) @binding(9) var<storage, read_write> gradient: array<f32>; // as what it is the gradient of

// Σ over the units of the first layer of delta · weight of input `input`.
fn first_layer_gradient(pair: u32, structure: u32, input: u32) -> f32 {
  var sum = 0.0;
  for (var unit = 0u; unit < params.hidden.x; unit++) {
    let weight = parameters[structure * params.stride + params.weights.x + unit * (params.features + 1u) + input];
    sum = fma(first_delta[pair * params.hidden.x + unit], weight, sum);
  }
  return sum;
}

@compute @workgroup_size(64)
fn pooled_gradient(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = linear_index(group, groups, local, 64u);
  if (index >= params.samples * params.features) {
    return;
  }
  let sample = index / params.features;
  var sum = 0.0;
  for (var s = 0u; s < params.structures; s++) {
    sum += first_layer_gradient(sample * params.structures + s, s, index - sample * params.features);
  }
  gradient[index] = select(0.0, gradient[index], ACCUMULATE) + sum;
}

@compute @workgroup_size(64)
fn alignment_gradient(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let pair = linear_index(group, groups, local, 64u);
  if (pair >= params.samples * params.structures) {
    return;
  }
  let sum = first_layer_gradient(pair, pair % params.structures, params.features);
  gradient[pair] = select(0.0, gradient[pair], ACCUMULATE) + sum;
}

@group(0) @binding(10) var<storage, read> pooled: array<f32>; // (N, F)
@group(0) @binding(11) var<storage, read> alignment: array<f32>; // (N, S)

// Layer l of a pair: its inputs' count, its outputs' count, an input's value, an output's delta.
fn inputs_of(l: u32) -> u32 {
  return vec3u(params.features + 1u, params.hidden)[l];
}

fn outputs_of(l: u32) -> u32 {
  return vec3u(params.hidden, 2u)[l];
}

fn input_value(l: u32, sample: u32, pair: u32, i: u32) -> f32 {
  if (l == 2u) {
    return hidden2[pair * params.hidden.y + i];
  }
  if (l == 1u) {
    return hidden1[pair * params.hidden.x + i];
  }
  if (i == params.features) {
    return alignment[pair];
  }
  return pooled[sample * params.features + i];
}

fn output_delta(l: u32, pair: u32, o: u32) -> f32 {
  if (l == 2u) {
    return d_logits[2u * pair + o];
  }
  if (l == 1u) {
    return second_delta[pair * params.hidden.y + o];
  }
  return first_delta[pair * params.hidden.x + o];
}

// The gradient of element `at` of a structure's parameters; 0 for the padding between them.
fn parameter_gradient(structure: u32, at: u32) -> f32 {
  var sum = 0.0;
  for (var l = 0u; l < 3u; l++) {
    let inputs = inputs_of(l);
    let outputs = outputs_of(l);
    let in_weights = at >= params.weights[l] && at < params.weights[l] + inputs * outputs;
    let in_biases = at >= params.biases[l] && at < params.biases[l] + outputs;
    if (!in_weights && !in_biases) {
      continue;
    }
    let o = select(at - params.biases[l], (at - params.weights[l]) / inputs, in_weights);
    let i = (at - params.weights[l]) % inputs;
    for (var n = 0u; n < params.samples; n++) {
      let pair = n * params.structures + structure;
      var value = 1.0;
      if (in_weights) {
        value = input_value(l, n, pair, i);
      }
      sum = fma(output_delta(l, pair, o), value, sum);
    }
  }
  return sum;
}

@compute @workgroup_size(64)
fn block_gradient(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = linear_index(group, groups, local, 64u);
  if (index >= params.structures * params.stride) {
    return;
  }
  let structure = index / params.stride;
  let sum = parameter_gradient(structure, index - structure * params.stride);
  gradient[index] = select(0.0, gradient[index], ACCUMULATE) + sum;
}

#import lib/grid
#import lib/presence_layers
#import lib/dropout

// The presence classifiers of all structures: a workgroup computes the three layers for one (sample, structure). Invocations exchange
// activations through storage, which the backward pass reads too.
struct Params {
  layers: Layers,
  pairs: u32, // N · S
  probability: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pooled: array<f32>; // (N, F)
@group(0) @binding(2) var<storage, read> alignment: array<f32>; // (N, S)
@group(0) @binding(3) var<storage, read> parameters: array<f32>; // (S, stride)
@group(0) @binding(4) var<storage, read> keys: array<vec4u>; // (N) (seed, epoch, sample index, 0)
@group(0) @binding(5) var<storage, read_write> hidden1: array<f32>; // (N, S, hidden.x), after ReLU and dropout
@group(0) @binding(6) var<storage, read_write> hidden2: array<f32>; // (N, S, hidden.y), after ReLU
@group(0) @binding(7) var<storage, read_write> logits: array<f32>; // (N, S, 2)

fn first_layer(pair: u32, unit: u32) -> f32 {
  let sample = pair / params.layers.structures;
  let structure = pair - sample * params.layers.structures;
  let base = structure * params.layers.stride;
  let row = base + params.layers.weights.x + unit * (params.layers.features + 1u);
  var sum = parameters[base + params.layers.biases.x + unit];
  for (var f = 0u; f < params.layers.features; f++) {
    sum = fma(pooled[sample * params.layers.features + f], parameters[row + f], sum);
  }
  return max(0.0, fma(alignment[pair], parameters[row + params.layers.features], sum));
}

fn later_layers(pair: u32, local: u32) {
  let base = (pair % params.layers.structures) * params.layers.stride;
  storageBarrier();
  for (var unit = local; unit < params.layers.hidden.y; unit += WORKGROUP) {
    var sum = parameters[base + params.layers.biases.y + unit];
    for (var i = 0u; i < params.layers.hidden.x; i++) {
      let weight = parameters[base + params.layers.weights.y + unit * params.layers.hidden.x + i];
      sum = fma(hidden1[pair * params.layers.hidden.x + i], weight, sum);
    }
    hidden2[pair * params.layers.hidden.y + unit] = max(0.0, sum);
  }
  storageBarrier();
  if (local < 2u) {
    var sum = parameters[base + params.layers.biases.z + local];
    for (var i = 0u; i < params.layers.hidden.y; i++) {
      let weight = parameters[base + params.layers.weights.z + local * params.layers.hidden.y + i];
      sum = fma(hidden2[pair * params.layers.hidden.y + i], weight, sum);
    }
    logits[2u * pair + local] = sum;
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Workgroup, @builtin(local_invocation_index) local: u32) {
  let pair = workgroup_of(at);
  if (pair >= params.pairs) {
    return;
  }
  for (var unit = local; unit < params.layers.hidden.x; unit += WORKGROUP) {
    hidden1[pair * params.layers.hidden.x + unit] = first_layer(pair, unit);
  }
  later_layers(pair, local);
}

@compute @workgroup_size(WORKGROUP)
fn with_dropout(at: Workgroup, @builtin(local_invocation_index) local: u32) {
  let pair = workgroup_of(at);
  if (pair >= params.pairs) {
    return;
  }
  let key = keys[pair / params.layers.structures];
  let first = (pair % params.layers.structures) * params.layers.hidden.x;
  for (var unit = local; unit < params.layers.hidden.x; unit += WORKGROUP) {
    let factor = dropout_factor(key, first + unit, params.probability);
    hidden1[pair * params.layers.hidden.x + unit] = first_layer(pair, unit) * factor;
  }
  later_layers(pair, local);
}

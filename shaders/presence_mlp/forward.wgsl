#import lib/grid
#import lib/dropout

// The presence classifiers of all structures: a workgroup computes one (sample, structure) through the three layers. Activations
// pass between invocations through storage, which the backward pass reads too.
struct Params {
  pairs: u32, // N · S
  structures: u32,
  features: u32, // F
  hidden: vec2u,
  stride: u32, // elements from one structure's parameters to the next
  weights: vec3u, // offsets of the three layers within a structure
  biases: vec3u,
  probability: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pooled: array<f32>; // (N, F)
@group(0) @binding(2) var<storage, read> alignment: array<f32>; // (N, S)
@group(0) @binding(3) var<storage, read> parameters: array<f32>; // (S, stride)
@group(0) @binding(4) var<storage, read> keys: array<vec4u>; // (N) (seed, epoch, sample index, 0)
@group(0) @binding(5) var<storage, read_write> hidden1: array<f32>; // (N, S, hidden.x), behind ReLU and dropout
@group(0) @binding(6) var<storage, read_write> hidden2: array<f32>; // (N, S, hidden.y), behind ReLU
@group(0) @binding(7) var<storage, read_write> logits: array<f32>; // (N, S, 2)

const WIDTH: u32 = 64u;

fn first_layer(pair: u32, unit: u32) -> f32 {
  let sample = pair / params.structures;
  let structure = pair - sample * params.structures;
  let base = structure * params.stride;
  let row = base + params.weights.x + unit * (params.features + 1u);
  var sum = parameters[base + params.biases.x + unit];
  for (var f = 0u; f < params.features; f++) {
    sum = fma(pooled[sample * params.features + f], parameters[row + f], sum);
  }
  return max(0.0, fma(alignment[pair], parameters[row + params.features], sum));
}

fn later_layers(pair: u32, local: u32) {
  let base = (pair % params.structures) * params.stride;
  storageBarrier();
  for (var unit = local; unit < params.hidden.y; unit += WIDTH) {
    var sum = parameters[base + params.biases.y + unit];
    for (var i = 0u; i < params.hidden.x; i++) {
      let weight = parameters[base + params.weights.y + unit * params.hidden.x + i];
      sum = fma(hidden1[pair * params.hidden.x + i], weight, sum);
    }
    hidden2[pair * params.hidden.y + unit] = max(0.0, sum);
  }
  storageBarrier();
  if (local < 2u) {
    var sum = parameters[base + params.biases.z + local];
    for (var i = 0u; i < params.hidden.y; i++) {
      let weight = parameters[base + params.weights.z + local * params.hidden.y + i];
      sum = fma(hidden2[pair * params.hidden.y + i], weight, sum);
    }
    logits[2u * pair + local] = sum;
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let pair = linear_workgroup(group, groups);
  if (pair >= params.pairs) {
    return;
  }
  for (var unit = local; unit < params.hidden.x; unit += WIDTH) {
    hidden1[pair * params.hidden.x + unit] = first_layer(pair, unit);
  }
  later_layers(pair, local);
}

@compute @workgroup_size(64)
fn with_dropout(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let pair = linear_workgroup(group, groups);
  if (pair >= params.pairs) {
    return;
  }
  let key = keys[pair / params.structures];
  let first = (pair % params.structures) * params.hidden.x;
  for (var unit = local; unit < params.hidden.x; unit += WIDTH) {
    let factor = dropout_factor(key, first + unit, params.probability);
    hidden1[pair * params.hidden.x + unit] = first_layer(pair, unit) * factor;
  }
  later_layers(pair, local);
}

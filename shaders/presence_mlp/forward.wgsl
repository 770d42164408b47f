#import lib/grid
#import lib/dropout

// The presence classifiers of all structures: a workgroup computes one (sample, structure) through the three layers. Activations
// pass between invocations through storage, which the backward pass reads too.
override DROPOUT: bool = false;

struct Params {
  pairs: u32, // N · S
  structures: u32,
  features: u32, // F
  hidden: vec2u,
  stride: u32, // elements from one structure's parameters to the next
  weights: vec3u, // offsets of the three layers within a structure
  biases: vec3u,
  layer: u32,
  probability: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pooled: array<f32>; // (N, F)
@group(0) @binding(2) var<storage, read> alignment: array<f32>; // (N, S)
@group(0) @binding(3) var<storage, read> block: array<f32>; // (S, stride)
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
  var sum = block[base + params.biases.x + unit];
  for (var f = 0u; f < params.features; f++) {
    sum = fma(pooled[sample * params.features + f], block[row + f], sum);
  }
  let active = max(0.0, fma(alignment[pair], block[row + params.features], sum));
  if (!DROPOUT) {
    return active;
  }
  return active * dropout_factor(keys[sample], params.layer, structure * params.hidden.x + unit, params.probability);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let pair = linear_workgroup(workgroup, workgroups);
  if (pair >= params.pairs) {
    return;
  }
  let base = (pair % params.structures) * params.stride;
  for (var unit = local; unit < params.hidden.x; unit += WIDTH) {
    hidden1[pair * params.hidden.x + unit] = first_layer(pair, unit);
  }
  storageBarrier();
  for (var unit = local; unit < params.hidden.y; unit += WIDTH) {
    var sum = block[base + params.biases.y + unit];
    for (var i = 0u; i < params.hidden.x; i++) {
      let weight = block[base + params.weights.y + unit * params.hidden.x + i];
      sum = fma(hidden1[pair * params.hidden.x + i], weight, sum);
    }
    hidden2[pair * params.hidden.y + unit] = max(0.0, sum);
  }
  storageBarrier();
  if (local < 2u) {
    var sum = block[base + params.biases.z + local];
    for (var i = 0u; i < params.hidden.y; i++) {
      let weight = block[base + params.weights.z + local * params.hidden.y + i];
      sum = fma(hidden2[pair * params.hidden.y + i], weight, sum);
    }
    logits[2u * pair + local] = sum;
  }
}

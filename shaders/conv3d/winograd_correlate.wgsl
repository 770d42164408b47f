// Winograd, backward-weight, second of three stages: for each frequency dU = Σ over tiles of dM V, accumulated over slabs of tiles.
// An invocation computes 8 output by 8 input channels of one frequency over all tiles: 16 loads feed 64 multiply-adds.
#import lib/conv3d/gradient
#import lib/grid
#import lib/conv3d/outer_sums

struct Params {
  inputs: u32,
  outputs: u32,
  frequencies: u32,
  blocks: u32, // of 64 tiles
  v_stride: u32, // elements between two frequencies
  dm_stride: u32,
}

@group(0) @binding(0) var<storage, read> v: array<f32>; // (frequencies, blocks, I, 64)
@group(0) @binding(1) var<storage, read> dm: array<f32>; // (frequencies, blocks, O, 64)
@group(0) @binding(2) var<uniform> params: Params;

fn load(at: u32, channels: vec4u) -> vec4f {
  return vec4f(v[at + channels.x], v[at + channels.y], v[at + channels.z], v[at + channels.w]);
}

fn load_gradient(at: u32, channels: vec4u) -> vec4f {
  return vec4f(dm[at + channels.x], dm[at + channels.y], dm[at + channels.z], dm[at + channels.w]);
}

// Four outputs of one input.
fn store_outputs(output: u32, input: u32, frequency: u32, values: vec4f) {
  if (input < params.inputs) {
    let to = (frequency * params.outputs + output) * params.inputs + input;
    store_four(to, params.inputs, count_left(output, params.outputs), values);
  }
}

// Invocations are (frequency, block of eight outputs, block of eight inputs).
@compute @workgroup_size(16)
fn main(at: Invocation) {
  let index = linear_index(at, 16u);
  let input_blocks = (params.inputs + 7u) / 8u;
  let output_blocks = (params.outputs + 7u) / 8u;
  let input = index % input_blocks * 8u;
  let output = index / input_blocks % output_blocks * 8u;
  let task = index / (input_blocks * output_blocks);
  let frequency = min(task, params.frequencies - 1u);
  let count = vec4u(0, 1, 2, 3);
  // Channels beyond the last read the last one; their sums are not stored.
  let low_inputs = min(input + count, vec4u(params.inputs - 1u)) * 64u;
  let high_inputs = min(input + 4u + count, vec4u(params.inputs - 1u)) * 64u;
  let low_outputs = min(output + count, vec4u(params.outputs - 1u)) * 64u;
  let high_outputs = min(output + 4u + count, vec4u(params.outputs - 1u)) * 64u;
  var low = OuterSums();
  var high = OuterSums();
  for (var tile = 0u; tile < params.blocks * 64u; tile++) {
    let at = frequency * params.v_stride + tile / 64u * params.inputs * 64u + tile % 64u;
    let gradient_at = frequency * params.dm_stride + tile / 64u * params.outputs * 64u + tile % 64u;
    let a = load(at, low_inputs);
    let b = load(at, high_inputs);
    low = add_outer(low, load_gradient(gradient_at, low_outputs), a, b);
    high = add_outer(high, load_gradient(gradient_at, high_outputs), a, b);
  }
  if (task < params.frequencies) {
    #repeat i: 0..8
    store_outputs(output, input + $i, frequency, low.i$i);
    store_outputs(output + 4u, input + $i, frequency, high.i$i);
    #end
  }
}

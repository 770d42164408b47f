// Second stage of a convolution whose channels were split (gemm_split.wgsl): adds the splits in order, and the bias.
// An invocation computes one element.
#import lib/conv3d/output
#import lib/grid

struct Params {
  splits: u32,
  samples: u32,
  outputs: u32,
  voxels: u32,
  bias_base: u32, // output channel of the first one computed
  y_base: u32, // first channel written, in elements of the bound window
  y_channels: u32, // per sample in y
}

@group(0) @binding(0) var<storage, read> partials: array<f32>; // (splits, N, O, V)
@group(0) @binding(1) var<storage, read> bias: array<f32>; // (O)
@group(0) @binding(2) var<uniform> params: Params;

fn output_of(index: u32) -> u32 {
  return index / params.voxels % params.outputs;
}

fn merge(index: u32, start: f32) {
  let sample = index / (params.voxels * params.outputs);
  if (sample >= params.samples) {
    return;
  }
  let elements = params.samples * params.outputs * params.voxels;
  var sum = start;
  for (var split = 0u; split < params.splits; split++) {
    sum += partials[split * elements + index];
  }
  store(params.y_base + (sample * params.y_channels + output_of(index)) * params.voxels + index % params.voxels, sum);
}

@compute @workgroup_size(WORKGROUP)
fn forward(at: Invocation) {
  let index = index_of(at);
  merge(index, bias[params.bias_base + output_of(index)]);
}

@compute @workgroup_size(WORKGROUP)
fn add(at: Invocation) {
  merge(index_of(at), 0.0);
}

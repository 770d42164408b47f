// Second stage of a convolution whose channels were split (gemm_split.wgsl): adds the splits in order, and the bias.
// An invocation sums one element.
#import lib/conv3d_output
#import lib/grid

struct Params {
  splits: u32,
  samples: u32,
  outputs: u32,
  voxels: u32,
  bias_base: u32, // output channel of the bias that is the first one computed
  y_base: u32, // elements of the bound window in front of the first one written
  y_channels: u32, // per sample in y
}

@group(0) @binding(0) var<storage, read> partials: array<f32>; // (splits, N, O, V)
@group(0) @binding(1) var<storage, read> bias: array<f32>; // (O)
@group(0) @binding(2) var<uniform> params: Params;

// Past the last element there is no sample.
fn merge(index: u32, sample: u32, output: u32, start: f32) {
  let elements = params.samples * params.outputs * params.voxels;
  var sum = start;
  for (var split = 0u; split < params.splits; split++) {
    sum += partials[split * elements + index];
  }
  let at = params.y_base + (sample * params.y_channels + output) * params.voxels + index % params.voxels;
  store(at, sum);
}

@compute @workgroup_size(WORKGROUP)
fn forward(at: Invocation) {
  let index = index_of(at);
  let output = index / params.voxels % params.outputs;
  let sample = index / (params.voxels * params.outputs);
  if (sample < params.samples) {
    merge(index, sample, output, bias[params.bias_base + output]);
  }
}

@compute @workgroup_size(WORKGROUP)
fn add(at: Invocation) {
  let index = index_of(at);
  let output = index / params.voxels % params.outputs;
  let sample = index / (params.voxels * params.outputs);
  if (sample < params.samples) {
    merge(index, sample, output, 0.0);
  }
}

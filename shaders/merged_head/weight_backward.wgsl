// dW[o, c, k] = sum over i of dW'[o, i, k] Fw[c, i] + dW'[o, C, k] fb[c]
#import lib/grid

struct Params {
  outputs: u32,
  features: u32,
  channels: u32,
}

override ACCUMULATE: bool = false;

@group(0) @binding(0) var<storage, read> d_merged: array<f32>; // (O, C + 1, 27)
@group(0) @binding(1) var<storage, read> final_weight: array<f32>; // (F, C)
@group(0) @binding(2) var<storage, read> final_bias: array<f32>; // (F)
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>; // (O, F, 27)
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let i = index_of(at);
  let tap = i % 27u;
  let feature = i / 27u % params.features;
  let output = i / (27u * params.features);
  if (output >= params.outputs) {
    return;
  }
  let start = output * (params.channels + 1u) * 27u + tap;
  var sum = d_merged[start + params.channels * 27u] * final_bias[feature];
  for (var channel = 0u; channel < params.channels; channel++) {
    sum = fma(d_merged[start + channel * 27u], final_weight[feature * params.channels + channel], sum);
  }
  if (ACCUMULATE) {
    gradient[i] += sum;
  } else {
    gradient[i] = sum;
  }
}

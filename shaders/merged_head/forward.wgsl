// The weight of a 3x3x3 convolution over the final features, rewritten for the features' own input x and a channel of ones:
// W'[o, i, k] = sum over c of W[o, c, k] Fw[c, i];  W'[o, C, k] = sum over c of W[o, c, k] fb[c].
#import lib/grid

struct Params {
  outputs: u32,
  features: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read> weight: array<f32>; // (O, F, 27)
@group(0) @binding(1) var<storage, read> final_weight: array<f32>; // (F, C)
@group(0) @binding(2) var<storage, read> final_bias: array<f32>; // (F)
@group(0) @binding(3) var<storage, read_write> merged: array<f32>; // (O, C + 1, 27)
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let i = index_of(at);
  let tap = i % 27u;
  let channel = i / 27u % (params.channels + 1u);
  let output = i / (27u * (params.channels + 1u));
  if (output >= params.outputs) {
    return;
  }
  var sum = 0.0;
  for (var c = 0u; c < params.features; c++) {
    var factor = 0.0;
    if (channel == params.channels) {
      factor = final_bias[c];
    } else {
      factor = final_weight[c * params.channels + channel];
    }
    sum = fma(weight[(output * params.features + c) * 27u + tap], factor, sum);
  }
  merged[i] = sum;
}

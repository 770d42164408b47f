// dFw[c, i] = sum over o, k of W[o, c, k] dW'[o, i, k]; d(fb)[c] is the same sum for the ones channel. An invocation takes one
// element and one part of the outputs; the second stage sums the parts. It computes `channels` channels from `first_channel`.
#import lib/grid

struct Params {
  outputs: u32,
  features: u32,
  merged_channels: u32,
  first_channel: u32,
  channels: u32,
  parts: u32,
}

@group(0) @binding(0) var<storage, read> d_merged: array<f32>; // (O, merged_channels, 27)
@group(0) @binding(1) var<storage, read> weight: array<f32>; // (O, F, 27)
@group(0) @binding(2) var<storage, read_write> partials: array<f32>; // (F, channels, parts)
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let i = index_of(at);
  // The part is the slowest index, so that neighbours read the same weights.
  let elements = params.features * params.channels;
  let part = i / elements;
  if (part >= params.parts) {
    return;
  }
  let element = i % elements;
  let feature = element / params.channels;
  let channel = params.first_channel + element % params.channels;
  var sum = 0.0;
  for (var o = part; o < params.outputs; o += params.parts) {
    let w = (o * params.features + feature) * 27u;
    let d = (o * params.merged_channels + channel) * 27u;
    for (var k = 0u; k < 27u; k++) {
      sum = fma(weight[w + k], d_merged[d + k], sum);
    }
  }
  partials[element * params.parts + part] = sum;
}

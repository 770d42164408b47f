#import lib/grid
#import lib/batch_norm

// Coefficients of each channel with running statistics.
struct Params {
  channels: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> mean: array<f32>; // (C)
@group(0) @binding(2) var<storage, read> variance: array<f32>; // (C)
@group(0) @binding(3) var<storage, read> weight: array<f32>; // (C)
@group(0) @binding(4) var<storage, read> bias: array<f32>; // (C)
@group(0) @binding(5) var<storage, read_write> coefficients: array<vec4f>; // (C)

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let c = index_of(at);
  if (c < params.channels) {
    coefficients[c] = coefficients_of(mean[c], variance[c], weight[c], bias[c]);
  }
}

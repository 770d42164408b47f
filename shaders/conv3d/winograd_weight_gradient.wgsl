// Winograd, backward-weight, last of three stages: dU → dw = Gᵀ dU along each axis, (EDGE + 2)³ frequencies → 27 taps. G is that of
// lib/winograd/edge2 or lib/winograd/edge4. An invocation computes the taps of one pair of channels.
#import lib/conv3d/gradient
#import lib/grid
#import lib/winograd/edge${EDGE}_weight_gradient

struct Params {
  pairs: u32, // output · input channels
  base: u32, // element of the first pair in the bound window
}

@group(0) @binding(0) var<storage, read> du: array<f32>; // (frequencies, O, I)
@group(0) @binding(1) var<uniform> params: Params;

@compute @workgroup_size(16)
fn main(at: Invocation) {
  let pair = linear_index(at, 16u);
  if (pair < params.pairs) {
    invert_taps(pair, params.base + pair * 27u);
  }
}

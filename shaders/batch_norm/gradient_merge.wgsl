#import lib/channel_sum

// Second stage of the backward reduction. The sums are d(bias) and d(weight); d(x) needs them too.
override ACCUMULATE_WEIGHT: bool = false;
override ACCUMULATE_BIAS: bool = false;

alias Partial = vec2f; // (Σ dy, Σ dy · x̂)

@group(0) @binding(2) var<storage, read_write> sums: array<vec2f>; // (C)
@group(0) @binding(3) var<storage, read_write> d_weight: array<f32>; // (C)
@group(0) @binding(4) var<storage, read_write> d_bias: array<f32>; // (C)

fn finish(channel: u32, total: vec2f) {
  sums[channel] = total;
  d_bias[channel] = select(0.0, d_bias[channel], ACCUMULATE_BIAS) + total.x;
  d_weight[channel] = select(0.0, d_weight[channel], ACCUMULATE_WEIGHT) + total.y;
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Workgroup, @builtin(local_invocation_index) local: u32) {
  reduce_channel(at, local);
}

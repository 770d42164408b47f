#import lib/grid

// Second stage of the backward reduction: a workgroup sums one channel over samples and spans, always in the same order.
// The sums are d(bias) and d(weight), and what d(x) needs.
override ACCUMULATE_WEIGHT: bool = false;
override ACCUMULATE_BIAS: bool = false;

struct Params {
  samples: u32,
  channels: u32,
  parts: u32, // spans of a plane
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<vec2f>; // (N, C, parts)
@group(0) @binding(2) var<storage, read_write> sums: array<vec2f>; // (C) (Σ dy, Σ dy · x̂)
@group(0) @binding(3) var<storage, read_write> d_weight: array<f32>; // (C)
@group(0) @binding(4) var<storage, read_write> d_bias: array<f32>; // (C)

const WIDTH: u32 = 64u;
var<workgroup> shares: array<vec2f, WIDTH>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let channel = linear_workgroup(group, groups);
  if (channel >= params.channels) {
    return;
  }
  var total = vec2f(0.0);
  for (var p = local; p < params.samples * params.parts; p += WIDTH) {
    let sample = p / params.parts;
    total += partials[(sample * params.channels + channel) * params.parts + (p - sample * params.parts)];
  }
  shares[local] = total;
  workgroupBarrier();
  if (local == 0u) {
    for (var i = 1u; i < WIDTH; i++) {
      total += shares[i];
    }
    sums[channel] = total;
    d_bias[channel] = select(0.0, d_bias[channel], ACCUMULATE_BIAS) + total.x;
    d_weight[channel] = select(0.0, d_weight[channel], ACCUMULATE_WEIGHT) + total.y;
  }
}

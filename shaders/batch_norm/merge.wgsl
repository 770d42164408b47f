#import lib/grid
#import lib/span
#import lib/batch_norm

// Second stage of the batch statistics: a workgroup merges one channel's (count, mean, M2) over samples and spans, always in the
// same order (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
// It leaves what normalises the channel, and its statistics for the running ones.
struct Params {
  cut: vec4u,
  samples: u32,
  channels: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<vec2f>; // (N, C, parts) (mean, M2)
@group(0) @binding(2) var<storage, read_write> mean: array<f32>; // (C)
@group(0) @binding(3) var<storage, read_write> variance: array<f32>; // (C), unbiased
@group(0) @binding(4) var<storage, read> weight: array<f32>; // (C)
@group(0) @binding(5) var<storage, read> bias: array<f32>; // (C)
@group(0) @binding(6) var<storage, read_write> coefficients: array<vec4f>; // (C)

const WIDTH: u32 = 64u;
var<workgroup> shares: array<vec3f, WIDTH>;

// (count, mean, M2) of both.
fn merged(a: vec3f, b: vec3f) -> vec3f {
  if (b.x == 0.0) {
    return a;
  }
  let count = a.x + b.x;
  let delta = b.y - a.y;
  let share = b.x / count;
  return vec3f(count, fma(delta, share, a.y), a.z + b.z + delta * delta * a.x * share);
}

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
  let parts = params.cut.w;
  var total = vec3f(0.0);
  for (var p = local; p < params.samples * parts; p += WIDTH) {
    let sample = p / parts;
    let index = (sample * params.channels + channel) * parts + (p - sample * parts);
    let count = span_count(span_of(index, params.cut), params.cut);
    total = merged(total, vec3f(f32(count), partials[index]));
  }
  shares[local] = total;
  workgroupBarrier();
  if (local == 0u) {
    for (var i = 1u; i < WIDTH; i++) {
      total = merged(total, shares[i]);
    }
    mean[channel] = total.y;
    variance[channel] = total.z / (total.x - 1.0);
    coefficients[channel] = coefficients_of(total.y, total.z / total.x, weight[channel], bias[channel]);
  }
}

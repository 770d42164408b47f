#import lib/channel_total
#import lib/batch_norm

// Second stage of the batch statistics: merges (count, mean, M2) (Chan, Golub and LeVeque, "Updating formulae and a pairwise
// algorithm for computing sample variances", 1979). It writes the channel's coefficients, and the batch statistics.
alias Partial = vec2f; // (mean, M2)
alias Share = vec3f; // (count, mean, M2)

@group(0) @binding(2) var<storage, read_write> mean: array<f32>; // (C)
@group(0) @binding(3) var<storage, read_write> variance: array<f32>; // (C), unbiased
@group(0) @binding(4) var<storage, read> weight: array<f32>; // (C)
@group(0) @binding(5) var<storage, read> bias: array<f32>; // (C)
@group(0) @binding(6) var<storage, read_write> coefficients: array<vec4f>; // (C)

fn share_of(index: u32) -> Share {
  return Share(f32(span_count(span_of(index, params.spans))), partials[index]);
}

fn joined(a: Share, b: Share) -> Share {
  if (b.x == 0.0) {
    return a;
  }
  let count = a.x + b.x;
  let delta = b.y - a.y;
  let share = b.x / count;
  return Share(count, fma(delta, share, a.y), a.z + b.z + delta * delta * a.x * share);
}

fn finish(channel: u32, total: Share) {
  mean[channel] = total.y;
  variance[channel] = total.z / (total.x - 1.0);
  coefficients[channel] = coefficients_of(total.y, total.z / total.x, weight[channel], bias[channel]);
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Workgroup, @builtin(local_invocation_index) local: u32) {
  reduce_channel(at, local);
}

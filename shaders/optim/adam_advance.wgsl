// Counts the step, or a skipped step if the gradient is not finite, and computes the values shared by the update.
#import lib/math

struct Params {
  log_beta1: f32,
  log_beta2: f32,
  decay: f32,
}

@group(0) @binding(0) var<storage, read> clip: array<f32>; // norm, factor, finite
@group(0) @binding(1) var<storage, read> learning_rate: array<f32>; // (1)
@group(0) @binding(2) var<storage, read_write> counts: array<u32>; // steps done, steps skipped
// 1 for an update or 0 for none, gradient factor, decay, step size, 1 / sqrt of the second bias correction
@group(0) @binding(3) var<storage, read_write> step: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main() {
  let advances = clip[2] == 1.0;
  if (!advances) {
    counts[1] += 1u;
    step[0] = 0.0;
    return;
  }
  counts[0] += 1u;
  let t = f32(counts[0]);
  // 1 - beta^t without cancellation
  let correction1 = -expm1(t * params.log_beta1);
  let correction2 = -expm1(t * params.log_beta2);
  step[0] = 1.0;
  step[1] = clip[1];
  step[2] = learning_rate[0] * params.decay;
  step[3] = learning_rate[0] / correction1;
  step[4] = 1.0 / sqrt(correction2);
}

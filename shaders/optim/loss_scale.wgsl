// Dynamic loss scaling. Gradients of f16 activations would underflow below 6e-8, so the loss is multiplied by 2^e before
// differentiation, and the finished gradient is divided by it. A window that overflows lowers e; many finite ones raise it.
#import lib/math

// loss scale: e, and updates since it changed
@group(0) @binding(0) var<storage, read> scale: array<u32>;
@group(0) @binding(1) var<storage, read> seed: array<f32>; // (1)
@group(0) @binding(2) var<storage, read_write> scaled: array<f32>; // (1)

@compute @workgroup_size(1)
fn multiply() {
  scaled[0] = seed[0] * power_of_two(i32(scale[0]));
}

struct Params {
  limit: f32, // of the norm
  interval: u32, // updates
  largest: u32, // e
}
@group(0) @binding(3) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read_write> state: array<u32>; // as `scale`
@group(0) @binding(5) var<storage, read_write> clip: array<f32>; // from optim/norm, of the scaled gradient
@group(0) @binding(6) var<storage, read_write> used: array<f32>; // (1) the scale of this window

@compute @workgroup_size(1)
fn advance() {
  let factor = power_of_two(i32(state[0]));
  used[0] = factor;
  clip[0] = clip[0] / factor;
  clip[1] = min(1.0, params.limit / (clip[0] + 1e-6)) / factor;
  if (clip[2] != 1.0) {
    state[0] = max(state[0], 1u) - 1u;
    state[1] = 0u;
    return;
  }
  state[1] += 1u;
  if (state[1] >= params.interval) {
    state[0] = min(state[0] + 1u, params.largest);
    state[1] = 0u;
  }
}

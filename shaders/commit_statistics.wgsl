// running = (1 - momentum) running + momentum batch, for finite elements only, and only after a finite loss.
#import lib/grid
#import lib/math

struct Params {
  elements: u32,
  momentum: f32,
}

@group(0) @binding(0) var<storage, read> total: array<f32>; // (1) the step's loss
@group(0) @binding(1) var<storage, read> batch: array<f32>; // (elements)
@group(0) @binding(2) var<storage, read_write> running: array<f32>; // (elements)
@group(0) @binding(3) var<storage, read_write> batches: array<u32>; // (1) batches seen
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let i = index_of(at);
  if (!is_finite(total[0])) {
    return;
  }
  if (i == 0u) {
    batches[0] += 1u;
  }
  if (i < params.elements && is_finite(batch[i])) {
    running[i] = fma(params.momentum, batch[i] - running[i], running[i]);
  }
}

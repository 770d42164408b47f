// An exponential moving average, element by element, after an update that was applied. Its decay rises from update to update.
#import lib/grid

struct Params {
  elements: u32,
  complement: f32, // 1 - decay, as the host rounds it
}

@group(0) @binding(0) var<storage, read> clip: array<f32>; // norm, factor, finite
@group(0) @binding(1) var<storage, read> counts: array<u32>; // updates done, updates skipped
@group(0) @binding(2) var<storage, read> value: array<f32>; // (elements)
@group(0) @binding(3) var<storage, read_write> average: array<f32>; // (elements)
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  if (clip[2] != 1.0) {
    return;
  }
  // 1 - min(decay, (1 + t) / (10 + t))
  let share = max(params.complement, 9.0 / (10.0 + f32(counts[0])));
  let stride = grid_size(at);
  for (var i = index_of(at); i < params.elements; i += stride) {
    average[i] = fma(share, value[i] - average[i], average[i]);
  }
}

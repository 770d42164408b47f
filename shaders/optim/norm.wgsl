// Second stage of the gradient norm, one workgroup: norm, clip factor min(1, limit / (norm + 1e-6)), and 1 if all is finite, else 0.
#import lib/math
#import lib/workgroup_sum

struct Params {
  chunks: u32,
  limit: f32,
}

@group(0) @binding(0) var<storage, read> squares: array<f32>; // (chunks)
@group(0) @binding(1) var<storage, read> faults: array<f32>; // (chunks)
@group(0) @binding(2) var<storage, read_write> clip: array<f32>; // norm, factor, finite
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  var count = 0.0;
  for (var i = local; i < params.chunks; i += 64u) {
    sum += squares[i];
    count += faults[i];
  }
  let total = workgroup_sum(sum, local);
  let bad = workgroup_sum(count, local);
  if (local == 0u) {
    let norm = sqrt(total);
    clip[0] = norm;
    clip[1] = min(1.0, params.limit / (norm + 1e-6));
    clip[2] = select(0.0, 1.0, bad == 0.0 && is_finite(total));
  }
}

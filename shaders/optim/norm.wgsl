// Second stage of the gradient norm, one workgroup: norm, clip factor min(1, limit / (norm + 1e-6)), and 1 if everything is finite, otherwise 0.
#import lib/math
#import lib/workgroup_sum

struct Params {
  parts: u32,
  limit: f32,
}

@group(0) @binding(0) var<storage, read> partials: array<vec2f>; // (parts) sum of squares, non-finite elements
@group(0) @binding(1) var<storage, read_write> clip: array<f32>; // norm, factor, finite
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) local: u32) {
  var sums = vec2f();
  for (var i = local; i < params.parts; i += WORKGROUP) {
    sums += partials[i];
  }
  let total = workgroup_sum(sums.x, local);
  let bad = workgroup_sum(sums.y, local);
  if (local == 0u) {
    let norm = sqrt(total);
    clip[0] = norm;
    clip[1] = min(1.0, params.limit / (norm + 1e-6));
    clip[2] = select(0.0, 1.0, bad == 0.0 && is_finite(total));
  }
}

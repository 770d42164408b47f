// Adds the sums of a workgroup's invocations in order. The importing shader says VECTORS, how many each of them has.
#import lib/lanes

var<workgroup> lane_sums: array<vec4f, VECTORS * LANES>; // (VECTORS, LANES)

fn put(vector: u32, local: u32, sum: vec4f) {
  lane_sums[vector * LANES + local] = sum;
}

// After a barrier.
fn total(vector: u32) -> vec4f {
  var sum = vec4f();
  for (var lane = 0u; lane < LANES; lane++) {
    sum += lane_sums[vector * LANES + lane];
  }
  return sum;
}

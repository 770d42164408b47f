// Adds the sums of a workgroup's invocations in order. The importing shader defines VECTORS, the number per invocation.
#import lib/grid

override ALL_VECTORS: u32 = VECTORS * WORKGROUP;

var<workgroup> sums: array<vec4f, ALL_VECTORS>; // (VECTORS, WORKGROUP)

fn put(vector: u32, local: u32, sum: vec4f) {
  sums[vector * WORKGROUP + local] = sum;
}

// Call after a barrier.
fn total(vector: u32) -> vec4f {
  var sum = vec4f();
  for (var i = 0u; i < WORKGROUP; i++) {
    sum += sums[vector * WORKGROUP + i];
  }
  return sum;
}

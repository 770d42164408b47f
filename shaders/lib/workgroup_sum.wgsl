#import lib/grid

// Sums over the invocations of a workgroup in a fixed tree; every invocation gets the result. The barriers cost little, because only
// the short second stage of a reduction uses this.
var<workgroup> tree: array<f32, WORKGROUP>;

fn workgroup_sum(value: f32, local: u32) -> f32 {
  workgroupBarrier();
  tree[local] = value;
  workgroupBarrier();
  for (var stride = WORKGROUP / 2u; stride > 0u; stride >>= 1u) {
    if (local < stride) {
      tree[local] += tree[local + stride];
    }
    workgroupBarrier();
  }
  return tree[0];
}

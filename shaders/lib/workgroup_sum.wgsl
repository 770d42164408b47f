// Sum over the 64 invocations of a workgroup as a tree, always in the same order; every invocation gets it. The barriers cost little
// because only the short second stage of a reduction comes here.
var<workgroup> tree: array<f32, 64>;

fn workgroup_sum(value: f32, local: u32) -> f32 {
  workgroupBarrier();
  tree[local] = value;
  workgroupBarrier();
  for (var stride = 32u; stride > 0u; stride >>= 1u) {
    if (local < stride) {
      tree[local] += tree[local + stride];
    }
    workgroupBarrier();
  }
  return tree[0];
}

#import lib/grid

// Second stage of the mean over voxels: a workgroup sums one plane's spans, always in the same order.
struct Params {
  planes: u32,
  parts: u32, // spans of a plane
  voxels: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>; // (N, C, parts)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (N, C)

const WIDTH: u32 = 64u;
var<workgroup> shares: array<f32, WIDTH>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let plane = linear_workgroup(group, groups);
  if (plane >= params.planes) {
    return;
  }
  var total = 0.0;
  for (var p = local; p < params.parts; p += WIDTH) {
    total += partials[plane * params.parts + p];
  }
  shares[local] = total;
  workgroupBarrier();
  if (local == 0u) {
    for (var i = 1u; i < WIDTH; i++) {
      total += shares[i];
    }
    y[plane] = total / f32(params.voxels);
  }
}

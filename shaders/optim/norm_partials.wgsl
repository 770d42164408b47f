// First stage of a gradient norm: one invocation sums the squares of one chunk and counts its non-finite elements.
#import lib/grid
#import lib/math

struct Params {
  elements: u32,
  first_chunk: u32,
  chunks: u32,
}

@group(0) @binding(0) var<storage, read> gradient: array<f32>; // (elements)
@group(0) @binding(1) var<storage, read_write> squares: array<f32>; // (all chunks)
@group(0) @binding(2) var<storage, read_write> faults: array<f32>; // (all chunks)
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear_index(group, groups, local, 64u);
  if (i >= params.chunks) {
    return;
  }
  var sum = 0.0;
  var count = 0.0;
  for (var e = i; e < params.elements; e += params.chunks) {
    let g = gradient[e];
    if (is_finite(g)) {
      sum = fma(g, g, sum);
    } else {
      count += 1.0;
    }
  }
  squares[params.first_chunk + i] = sum;
  faults[params.first_chunk + i] = count;
}

// The convolution of lib/conv3d/gemm with split channels: first stage, one partial sum per split.
#import lib/conv3d/gemm

@group(0) @binding(4) var<storage, read_write> partials: array<f32>; // (splits, N, O, H, W, D)

fn store(at: u32, value: f32) {
  partials[at] = value;
}

@compute @workgroup_size(LANES) $SUBGROUP
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let place = place_of(id.z * count.x + id.x);
  if (place.split >= params.splits) {
    return;
  }
  store_sums(place, local, convolve(place, local), vec4f(), vec4f());
}

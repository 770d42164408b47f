// The convolution of lib/conv3d/gemm in one stage: a workgroup sums over all channels.
#import lib/conv3d/gemm
#import lib/conv3d/output
#import lib/conv3d/share

@compute @workgroup_size(LANES) $SUBGROUP
fn forward(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let place = place_of(id.z * count.x + id.x);
  if (place.split >= params.splits) {
    return;
  }
  let output = output_of(place, local);
  store_sums(place, local, convolve(place, local), bias_of(output), bias_of(output + 4u));
}

// Without a bias: further slabs of input channels, and the backward-data pass.
@compute @workgroup_size(LANES) $SUBGROUP
fn add(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let place = place_of(id.z * count.x + id.x);
  if (place.split >= params.splits) {
    return;
  }
  store_sums(place, local, convolve(place, local), vec4f(), vec4f());
}

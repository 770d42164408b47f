// The convolution of lib/conv3d_gemm where a workgroup sums over all channels: its sums are the result.
#import lib/conv3d_gemm

override ACCUMULATE: bool = false;

@group(0) @binding(4) var<storage, read> bias: array<f32>; // (O)
@group(0) @binding(5) var<storage, read_write> y: array<Activation>; // (N, y channels, H, W, D)

fn store(at: u32, value: f32) {
  if (ACCUMULATE) {
    y[at] = Activation(f32(y[at]) + value);
  } else {
    y[at] = Activation(value);
  }
}

fn bias_of(output: u32) -> vec4f {
  let at = min(output + vec4u(0, 1, 2, 3), vec4u(params.outputs - 1u)) + params.bias_base;
  return vec4f(bias[at.x], bias[at.y], bias[at.z], bias[at.w]);
}

@compute @workgroup_size(LANES)
fn forward(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let place = place_of(id.z * count.x + id.x);
  if (place.split >= params.splits) {
    return;
  }
  let output = output_of(place, local);
  store_sums(place, local, convolve(place, local), bias_of(output), bias_of(output + 4u));
}

// Without a bias: sums over further input channels, and the backward-data pass.
@compute @workgroup_size(LANES)
fn add(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let place = place_of(id.z * count.x + id.x);
  if (place.split >= params.splits) {
    return;
  }
  store_sums(place, local, convolve(place, local), vec4f(), vec4f());
}

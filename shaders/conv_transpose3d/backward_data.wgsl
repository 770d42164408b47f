// d(x) of the transposed convolution, kernel 2, stride 2: each voxel of x gathers its own cube of dy.
// An invocation computes one voxel of 4 input channels. A workgroup shares its channels, so weights are uniform; for each output
// channel 8 gradients and 8 vec4 of weights feed 32 multiply-adds.
#import lib/activation

override ACCUMULATE: bool = false;

struct Params {
  samples: u32,
  inputs: u32, // channels of dx computed
  outputs: u32, // channels of dy that are read
  first_output: u32, // of the weight
  weight_base: u32, // vec4s of the bound window in front of the first input channel
  weight_outputs: u32, // output channels of the weight
  dy_base: u32, // elements of the bound window in front of the first channel read
  dy_channels: u32, // per sample in dy
  dx_base: u32,
  dx_channels: u32,
  height: u32, // of dx
  width: u32,
  depth: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<Activation>; // (N, dy channels, 2H, 2W, 2D)
@group(0) @binding(1) var<storage, read> weight: array<vec4f>; // (I, O, 2, 2, 2)
@group(0) @binding(2) var<storage, read_write> dx: array<Activation>; // (N, dx channels, H, W, D)
@group(0) @binding(3) var<uniform> params: Params;

// Four gradients: two neighbours along D in two rows.
fn load_square(at: u32) -> vec4f {
  let below = at + 2u * params.depth;
  return vec4f(vec4(dy[at], dy[at + 1u], dy[below], dy[below + 1u]));
}

fn product(sum: f32, w: u32, top: vec4f, bottom: vec4f) -> f32 {
  let a = weight[w];
  let b = weight[w + 1u];
  let upper = fma(a.w, top.w, fma(a.z, top.z, fma(a.y, top.y, fma(a.x, top.x, sum))));
  return fma(b.w, bottom.w, fma(b.z, bottom.z, fma(b.y, bottom.y, fma(b.x, bottom.x, upper))));
}

fn store(at: u32, value: f32) {
  if (ACCUMULATE) {
    dx[at] = Activation(f32(dx[at]) + value);
  } else {
    dx[at] = Activation(value);
  }
}

fn gather(index: u32, input: u32) {
  let voxels = params.height * params.width * params.depth;
  let n = index / voxels;
  if (n >= params.samples) {
    return;
  }
  let voxel = index % voxels;
  let d = voxel % params.depth;
  let place = voxel / params.depth % params.width;
  let h = voxel / (params.depth * params.width);
  let row = 2u * params.depth;
  let plane = 2u * params.width * row;
  var at = params.dy_base + n * params.dy_channels * 8u * voxels + 2u * (h * plane + place * row + d);
  // Channels past the last compute the last; they are not stored.
  var w = (min(input + vec4u(0, 1, 2, 3), vec4u(params.inputs - 1u)) * params.weight_outputs + params.first_output) * 2u + params.weight_base;
  var sums = vec4f();
  for (var o = 0u; o < params.outputs; o++) {
    let top = load_square(at);
    let bottom = load_square(at + plane);
    sums = vec4f(
      product(sums.x, w.x, top, bottom),
      product(sums.y, w.y, top, bottom),
      product(sums.z, w.z, top, bottom),
      product(sums.w, w.w, top, bottom),
    );
    at += 8u * voxels;
    w += 2u;
  }
  let to = params.dx_base + (n * params.dx_channels + input) * voxels + voxel;
  store(to, sums.x);
  if (input + 1u < params.inputs) {
    store(to + voxels, sums.y);
  }
  if (input + 2u < params.inputs) {
    store(to + 2u * voxels, sums.z);
  }
  if (input + 3u < params.inputs) {
    store(to + 3u * voxels, sums.w);
  }
}

// Workgroups are (voxels folded into x and z, blocks of four input channels in y).
@compute @workgroup_size(16)
fn main16(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  gather((id.z * count.x + id.x) * 16u + local, id.y * 4u);
}

@compute @workgroup_size(64)
fn main64(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  gather((id.z * count.x + id.x) * 64u + local, id.y * 4u);
}

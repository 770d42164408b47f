// d(weight) of the transposed convolution, kernel 2, stride 2: first stage, one partial sum per chunk of voxels.
// A workgroup computes the 8 taps of four input channels and one output channel over the voxels of its chunk; its invocations
// take the voxels in turn (12 loads feed 32 multiply-adds) and are added in order at the end.
#import lib/activation
#import lib/source

struct Params {
  samples: u32,
  inputs: u32, // channels of x that are read
  outputs: u32, // channels of dy that are read
  x_base: u32, // elements of the bound window in front of the first channel read
  x_channel: u32, // the first one read
  x_channels: u32, // per sample in x
  dy_base: u32,
  dy_channels: u32,
  height: u32, // of x
  width: u32,
  depth: u32,
  chunk_voxels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Activation>; // (N, x channels, H, W, D)
@group(0) @binding(1) var<storage, read> dy: array<Activation>; // (N, dy channels, 2H, 2W, 2D)
@group(0) @binding(2) var<storage, read_write> partials: array<vec4f>; // (chunks, I, O, 2, 2, 2)
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> sums: array<vec4f, 512>; // (4 inputs, 2 halves of the taps, invocations)

fn load(at: u32, channel: vec4f) -> f32 {
  return from_source(f32(x[at]), channel);
}

// Four gradients: two neighbours along D in two rows.
fn load_square(at: u32) -> vec4f {
  let below = at + 2u * params.depth;
  return vec4f(vec4(dy[at], dy[at + 1u], dy[below], dy[below + 1u]));
}

// Workgroups are (block of four inputs, output, chunk).
fn correlate(id: vec3u, local: u32, lanes: u32) {
  let input = id.x * 4u;
  let voxels = params.height * params.width * params.depth;
  // Channels past the last read the last; their sums are not stored.
  let inputs = min(input + vec4u(0, 1, 2, 3), vec4u(params.inputs - 1u));
  let planes = inputs * voxels + params.x_base;
  let channels = inputs + params.x_channel;
  let channel0 = source_channel(channels.x);
  let channel1 = source_channel(channels.y);
  let channel2 = source_channel(channels.z);
  let channel3 = source_channel(channels.w);
  let first = id.z * params.chunk_voxels;
  let last = min(first + params.chunk_voxels, params.samples * voxels);
  let row = 2u * params.depth;
  let plane = 2u * params.width * row;
  var a = array<vec4f, 2>();
  var b = array<vec4f, 2>();
  var c = array<vec4f, 2>();
  var e = array<vec4f, 2>();
  for (var index = first + local; index < last; index += lanes) {
    let n = index / voxels;
    let voxel = index % voxels;
    let d = voxel % params.depth;
    let w = voxel / params.depth % params.width;
    let h = voxel / (params.depth * params.width);
    let at = params.dy_base + (n * params.dy_channels + id.y) * 8u * voxels + 2u * (h * plane + w * row + d);
    let top = load_square(at);
    let bottom = load_square(at + plane);
    let p = planes + n * params.x_channels * voxels + voxel;
    a = array(fma(top, vec4f(load(p.x, channel0)), a[0]), fma(bottom, vec4f(load(p.x, channel0)), a[1]));
    b = array(fma(top, vec4f(load(p.y, channel1)), b[0]), fma(bottom, vec4f(load(p.y, channel1)), b[1]));
    c = array(fma(top, vec4f(load(p.z, channel2)), c[0]), fma(bottom, vec4f(load(p.z, channel2)), c[1]));
    e = array(fma(top, vec4f(load(p.w, channel3)), e[0]), fma(bottom, vec4f(load(p.w, channel3)), e[1]));
  }
  sums[local] = a[0];
  sums[lanes + local] = a[1];
  sums[2u * lanes + local] = b[0];
  sums[3u * lanes + local] = b[1];
  sums[4u * lanes + local] = c[0];
  sums[5u * lanes + local] = c[1];
  sums[6u * lanes + local] = e[0];
  sums[7u * lanes + local] = e[1];
  workgroupBarrier();
  if (local < 8u && input + local / 2u < params.inputs) {
    var total = vec4f();
    for (var lane = 0u; lane < lanes; lane++) {
      total += sums[local * lanes + lane];
    }
    partials[((id.z * params.inputs + input + local / 2u) * params.outputs + id.y) * 2u + local % 2u] = total;
  }
}

@compute @workgroup_size(16)
fn main16(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  correlate(id, local, 16u);
}

@compute @workgroup_size(64)
fn main64(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  correlate(id, local, 64u);
}

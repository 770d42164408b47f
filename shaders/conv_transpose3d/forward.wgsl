// Transposed convolution, kernel 2, stride 2: each input voxel produces a 2x2x2 cube of output voxels; cubes do not overlap.
// An invocation computes the cubes of one input voxel in two output channels: 16 sums in registers. A workgroup shares its output
// channels, so weights are uniform; for each input channel one input and 4 vec4 of weights feed 16 multiply-adds.
#import lib/conv3d/output
#import lib/cube
#import lib/conv3d/folded
#import lib/load_source
#import lib/volume

struct Params {
  share: CubeShare,
  @align(16) weight: CubeWeight,
  @align(16) source: SourceParams,
  @align(16) y_base: u32,
  y_channels: u32,
}

@group(0) @binding(1) var<storage, read> weight: array<vec4f>; // (I, O, 2, 2, 2)
@group(0) @binding(2) var<storage, read> bias: array<f32>; // (O)
@group(0) @binding(3) var<uniform> params: Params;

fn store_square(values: vec4f, at: u32) {
  store(at, values.x);
  store(at + 1u, values.y);
  store(at + 2u * params.share.volume.z, values.z);
  store(at + 2u * params.share.volume.z + 1u, values.w);
}

fn store_cube(cube: Cube, at: u32) {
  store_square(cube.top, at);
  store_square(cube.bottom, at + cube_step());
}

fn convolve(index: u32, output: u32, first: f32, second: f32) {
  let voxels = volume_voxels(params.share.volume);
  let n = index / voxels;
  if (n >= params.share.samples) {
    return;
  }
  let voxel = index % voxels;
  let both = output + 1u < params.share.outputs;
  let row = params.weight.weight_outputs * 2u;
  var at = params.source.x_base + n * params.source.x_channels * voxels + voxel;
  var w = params.weight.weight_base + (params.weight.first_output + output) * 2u;
  // Without a second channel the first one is computed twice.
  let other = select(0u, 2u, both);
  var a = Cube(vec4f(first), vec4f(first));
  var b = Cube(vec4f(second), vec4f(second));
  for (var i = 0u; i < params.share.inputs; i++) {
    let value = vec4f(load(at, source_channel(params.source.x_channel + i)));
    a = Cube(fma(value, weight[w], a.top), fma(value, weight[w + 1u], a.bottom));
    b = Cube(fma(value, weight[w + other], b.top), fma(value, weight[w + other + 1u], b.bottom));
    at += voxels;
    w += row;
  }
  let to = params.y_base + (n * params.y_channels + output) * 8u * voxels + cube_at(voxel);
  store_cube(a, to);
  if (both) {
    store_cube(b, to + 8u * voxels);
  }
}

fn biased(index: u32, output: u32) {
  let at = params.weight.first_output + output;
  convolve(index, output, bias[at], bias[min(at + 1u, params.weight.weight_outputs - 1u)]);
}

// Workgroups are (voxels folded into x and z, pairs of outputs in y).
@compute @workgroup_size(WORKGROUP)
fn forward(at: Invocation) {
  biased(folded_index(at), at.group.y * 2u);
}

// Without the bias: further slabs of input channels.
@compute @workgroup_size(WORKGROUP)
fn add(at: Invocation) {
  convolve(folded_index(at), at.group.y * 2u, 0.0, 0.0);
}

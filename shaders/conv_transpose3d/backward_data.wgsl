// d(x) of the transposed convolution, kernel 2, stride 2; d(x) is y here: each voxel of x gathers its own cube of dy.
// An invocation computes one voxel of 4 input channels. A workgroup shares its channels, so weights are uniform; for each output
// channel 8 gradients and 8 vec4 of weights feed 32 multiply-adds.
#import lib/conv3d/output
#import lib/cube_gradient
#import lib/conv3d/folded
#import lib/volume

struct Params {
  share: CubeShare,
  @align(16) weight: CubeWeight,
  @align(16) dy_base: u32, // first channel read, in elements of the bound window
  dy_channels: u32, // per sample in dy
  y_base: u32,
  y_channels: u32,
}

@group(0) @binding(1) var<storage, read> weight: array<vec4f>; // (I, O, 2, 2, 2)
@group(0) @binding(2) var<uniform> params: Params;

fn product(sum: f32, w: u32, top: vec4f, bottom: vec4f) -> f32 {
  let a = weight[w];
  let b = weight[w + 1u];
  let upper = fma(a.w, top.w, fma(a.z, top.z, fma(a.y, top.y, fma(a.x, top.x, sum))));
  return fma(b.w, bottom.w, fma(b.z, bottom.z, fma(b.y, bottom.y, fma(b.x, bottom.x, upper))));
}

fn gather(index: u32, input: u32) {
  let voxels = volume_voxels(params.share.volume);
  let n = index / voxels;
  if (n >= params.share.samples) {
    return;
  }
  let voxel = index % voxels;
  var at = params.dy_base + n * params.dy_channels * 8u * voxels + cube_at(voxel);
  // Channels beyond the last compute the last one; they are not stored.
  let inputs = min(input + vec4u(0, 1, 2, 3), vec4u(params.share.inputs - 1u));
  var w = (inputs * params.weight.weight_outputs + params.weight.first_output) * 2u + params.weight.weight_base;
  var sums = vec4f();
  for (var o = 0u; o < params.share.outputs; o++) {
    let g = load_cube(at);
    sums = vec4f(
      #repeat i: 0..4
      product(sums[$i], w[$i], g.top, g.bottom),
      #end
    );
    at += 8u * voxels;
    w += 2u;
  }
  let to = params.y_base + (n * params.y_channels + input) * voxels + voxel;
  store_four(to, voxels, count_left(input, params.share.inputs), sums);
}

// Workgroups are (voxels folded into x and z, blocks of four input channels in y).
@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  gather(folded_index(at), at.group.y * 4u);
}

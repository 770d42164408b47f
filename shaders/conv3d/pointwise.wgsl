// 1x1x1 convolution, stride 1: a matrix product over channels. With transposed packed weights (pack.wgsl) it is its own backward-data
// pass.
// An invocation computes 4 voxels of 16 output channels, 64 sums. Neighbouring invocations hold neighbouring voxels, so loads are
// contiguous; a workgroup shares its output channels, so weights are uniform: per input channel 4 inputs and 4 vec4 of weights feed
// 64 multiply-adds.
#import lib/conv3d/output
#import lib/conv3d/share
#import lib/conv3d/folded
#import lib/load_source
#import lib/conv3d/store_quad

// Groups of voxels that a workgroup takes one after the other. If there are several, it prefetches them.
override TURNS: u32 = 1;

struct Params {
  share: Share,
  @align(16) voxels: u32,
  @align(16) source: SourceParams,
}

@group(0) @binding(1) var<storage, read> packed: array<vec4f>; // (O / 4, I)
@group(0) @binding(2) var<uniform> params: Params;

fn load_four(at: vec4u, channel: vec4f) -> vec4f {
  return vec4f(load(at.x, channel), load(at.y, channel), load(at.z, channel), load(at.w, channel));
}

// The first `voxels` of an invocation's four voxels, which are WORKGROUP apart.
fn store_voxels(output: u32, at: u32, voxels: u32, quad: OutputQuad) {
  let left = vec2u(voxels, count_left(output, params.share.outputs));
  store_quad(at + output * params.voxels, vec2u(WORKGROUP, params.voxels), left, quad);
}

// Start of the weights of four outputs, clamped to the last block.
fn weights_of(output: u32) -> u32 {
  return min(output / 4u, (params.share.outputs - 1u) / 4u) * params.share.inputs;
}

// Groups of voxels of a sample, 4 voxels per invocation each.
fn groups() -> u32 {
  return (params.voxels + 4u * WORKGROUP - 1u) / (4u * WORKGROUP);
}

// `start` is the initial sum of the sixteen outputs.
fn multiply(group: u32, local: u32, output: u32, start: mat4x4f) {
  let n = min(group / groups(), params.share.samples - 1u);
  let voxel = group % groups() * 4u * WORKGROUP + local;
  let places = min(voxel + WORKGROUP * vec4u(0, 1, 2, 3), vec4u(params.voxels - 1u));
  var at = places + params.source.x_base + n * params.source.x_channels * params.voxels;
  var w = vec4u(weights_of(output), weights_of(output + 4u), weights_of(output + 8u), weights_of(output + 12u));
  #repeat q: 0..4
  var sums$q = OutputQuad();
  #end
  for (var i = 0u; i < params.share.inputs; i++) {
    let values = load_four(at, source_channel(params.source.x_channel + i));
    #repeat q: 0..4
    sums$q = add_quad(sums$q, values, packed[w[$q]]);
    #end
    at += params.voxels;
    w += 1u;
  }
  let to = params.share.y_base + n * params.share.y_channels * params.voxels + voxel;
  let left = select(0u, count_left(voxel, params.voxels), group / groups() < params.share.samples);
  #repeat q: 0..4
  store_voxels(output + 4 * $q, to, (left + WORKGROUP - 1u) / WORKGROUP, raise_quad(sums$q, start[$q]));
  #end
}

// Prefetches the next voxels of all channels that a workgroup of sixteen reads or writes, one cache line per invocation. A CPU then
// fetches sixteen lines at once; otherwise it waits for each, because successive channels are pages apart.
fn touch(group: u32, local: u32, output: u32) {
  let n = min(group / groups(), params.share.samples - 1u);
  let voxel = min(group % groups() * 4u * WORKGROUP + local * 16u, params.voxels - 1u);
  let from_x = params.source.x_base + n * params.source.x_channels * params.voxels + voxel;
  var largest = 0.0;
  for (var i = 0u; i < params.share.inputs; i++) {
    largest = max(largest, f32(x[from_x + i * params.voxels]));
  }
  let from_y = params.share.y_base + n * params.share.y_channels * params.voxels + voxel;
  for (var o = output; o < min(output + 16u, params.share.outputs); o++) {
    largest = max(largest, f32(y[from_y + o * params.voxels]));
  }
  // Compilers remove loads whose value is unused. This store uses it but never runs, since there is always an output.
  if (params.share.outputs == 0u) {
    y[from_y] = Activation(largest);
  }
}

fn multiply_all(at: Invocation, start: mat4x4f) {
  let first = folded_workgroup(at) * TURNS;
  let output = at.group.y * 16u;
  if (TURNS > 1u) {
    touch(first, at.local, output);
  }
  for (var turn = 0u; turn < TURNS; turn++) {
    multiply(first + turn, at.local, output, start);
  }
}

fn biases(output: u32) -> mat4x4f {
  return mat4x4f(bias_of(output), bias_of(output + 4u), bias_of(output + 8u), bias_of(output + 12u));
}

// Workgroups are (groups of voxels folded into x and z, blocks of sixteen outputs in y).
@compute @workgroup_size(WORKGROUP) $SUBGROUP
fn forward(at: Invocation) {
  multiply_all(at, biases(at.group.y * 16u));
}

// Without a bias: further slabs of input channels, and the backward-data pass.
@compute @workgroup_size(WORKGROUP) $SUBGROUP
fn add(at: Invocation) {
  multiply_all(at, mat4x4f());
}

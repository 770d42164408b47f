// d(weight) of the 1x1x1 convolution, stride 1: first stage, one partial sum per chunk of voxels.
// A workgroup computes 8 output by 8 input channels over the voxels of its chunk; its invocations take the voxels in turn (16 loads
// feed 64 multiply-adds) and are added in order at the end.
#import lib/conv3d/gradient
#import lib/load_source
#import lib/conv3d/outer_sums
#import lib/workgroup_vectors

struct Params {
  samples: u32,
  inputs: u32, // channels read of x
  outputs: u32, // channels read of dy
  voxels: u32,
  @align(16) source: SourceParams,
  @align(16) dy_base: u32,
  dy_channels: u32,
  chunk_voxels: u32,
}

@group(0) @binding(1) var<storage, read> dy: array<Activation>; // (N, dy channels, V)
@group(0) @binding(2) var<uniform> params: Params;

const VECTORS = 16u;

// Normalisation of four channels of x.
struct Channels {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
}

fn channels_of(channels: vec4u) -> Channels {
  let at = channels + params.source.x_channel;
  return Channels(source_channel(at.x), source_channel(at.y), source_channel(at.z), source_channel(at.w));
}

fn load_four(at: vec4u, channels: Channels) -> vec4f {
  return vec4f(load(at.x, channels.a), load(at.y, channels.b), load(at.z, channels.c), load(at.w, channels.d));
}

fn load_gradient(at: vec4u) -> vec4f {
  return vec4f(vec4(dy[at.x], dy[at.y], dy[at.z], dy[at.w]));
}

fn put_sums(first: u32, local: u32, sums: OuterSums) {
  #repeat i: 0..8
  put(first + $i, local, sums.i$i);
  #end
}

// Workgroups are (block of eight inputs, block of eight outputs, chunk).
@compute @workgroup_size(WORKGROUP) $SUBGROUP
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let count = vec4u(0, 1, 2, 3);
  let first = id.z * params.chunk_voxels;
  let last = min(first + params.chunk_voxels, params.samples * params.voxels);
  // Channels beyond the last read the last one; their sums are not stored.
  let inputs = vec4u(params.inputs - 1u);
  let outputs = vec4u(params.outputs - 1u);
  let low_input = min(id.x * 8u + count, inputs);
  let high_input = min(id.x * 8u + 4u + count, inputs);
  let low_x = low_input * params.voxels + params.source.x_base;
  let high_x = high_input * params.voxels + params.source.x_base;
  let low_channels = channels_of(low_input);
  let high_channels = channels_of(high_input);
  let low_dy = min(id.y * 8u + count, outputs) * params.voxels + params.dy_base;
  let high_dy = min(id.y * 8u + 4u + count, outputs) * params.voxels + params.dy_base;
  var low = OuterSums();
  var high = OuterSums();
  for (var index = first + local; index < last; index += WORKGROUP) {
    let n = index / params.voxels;
    let x_at = index + n * (params.source.x_channels - 1u) * params.voxels;
    let dy_at = index + n * (params.dy_channels - 1u) * params.voxels;
    let a = load_four(low_x + x_at, low_channels);
    let b = load_four(high_x + x_at, high_channels);
    low = add_outer(low, load_gradient(low_dy + dy_at), a, b);
    high = add_outer(high, load_gradient(high_dy + dy_at), a, b);
  }
  put_sums(0u, local, low);
  put_sums(8u, local, high);
  workgroupBarrier();
  let output = id.y * 8u + local / 8u * 4u;
  let input = id.x * 8u + local % 8u;
  if (local >= VECTORS || input >= params.inputs) {
    return;
  }
  let to = (id.z * params.outputs + output) * params.inputs + input;
  store_four(to, params.inputs, count_left(output, params.outputs), total(local));
}

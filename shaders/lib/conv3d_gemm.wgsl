// 3x3x3 convolution, stride 1, as an implicit matrix product for GPUs. With flipped weights whose channels are exchanged it is its own
// backward-data pass. Channel by channel a workgroup stages the brick its tile of voxels reads, zeros beyond the volume, and the
// weights of its outputs, and uses them for all 27 taps. The next channel is on its way from memory meanwhile, in registers.
// An invocation computes 2 x 4 voxels (H, W) of 8 outputs: 64 sums. Neighbouring invocations hold neighbouring voxels along D; whole
// subgroups share their outputs, so their reads of the weights are broadcast: 8 vec4 of the brick and 18 of weights feed 576
// multiply-adds. A volume too small to fill a GPU is cut into splits of the channels that are summed over.
// The shader that imports this says where a sum goes: fn store(at: u32, value: f32).
#import lib/activation
#import lib/source_pair

// The tile of a workgroup: outputs, and voxels along each axis. LANES = OUTPUTS / 8 * TILE_H / 2 * TILE_W / 4 * TILE_D.
override OUTPUTS: u32 = 64;
override TILE_H: u32 = 4;
override TILE_W: u32 = 8;
override TILE_D: u32 = 8;
override LANES: u32 = 256;

// The brick is staged as vectors along W, so that a row of four voxels and its two neighbours takes two reads.
override QUADS: u32 = TILE_W / 4 + 1;
override PLANE: u32 = (TILE_D + 2) * QUADS;
override ELEMENTS: u32 = (TILE_H + 2) * PLANE; // at most 3 * LANES
override WEIGHTS: u32 = OUTPUTS / 4 * 27; // at most 2 * LANES

struct Params {
  samples: u32,
  inputs: u32, // channels summed over: x_inputs of x, then those of other
  x_inputs: u32,
  outputs: u32, // channels computed
  bias_base: u32, // output channel of the bias that is the first one computed
  split_inputs: u32, // channels a workgroup sums over
  splits: u32,
  height: u32,
  width: u32,
  depth: u32,
  x_base: u32, // elements of the bound window in front of the first channel read
  x_channel: u32, // the first one read
  x_channels: u32, // per sample in x
  other_base: u32,
  other_channel: u32,
  other_channels: u32,
  weight_base: u32, // element of the first output, first channel, tap 0
  output_stride: u32, // elements between weights of two outputs
  input_stride: u32,
  flip: u32, // 1: the taps run backward
  y_base: u32,
  y_channels: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Activation>; // (N, x channels, H, W, D)
@group(0) @binding(1) var<storage, read> other: array<Activation>; // (N, other channels, H, W, D); x again when there is no other
@group(0) @binding(2) var<storage, read> weight: array<f32>; // (O, I, 27)
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> brick: array<vec4f, ELEMENTS>; // (TILE_H + 2, TILE_D + 2, QUADS)
var<workgroup> weights: array<vec4f, WEIGHTS>; // (OUTPUTS / 4, 27), a vector over four outputs

const OUTSIDE = 0xffffffffu;

// What a workgroup computes.
struct Place {
  split: u32,
  sample: u32,
  output: u32, // first
  origin: vec3u, // first voxel
}

// One channel's share of an invocation, on its way to workgroup memory.
struct Staged {
  x0: vec4f,
  x1: vec4f,
  x2: vec4f,
  low: vec4f,
  high: vec4f,
}

// Where in a channel the elements of the brick that an invocation stages lie; OUTSIDE where there is none.
struct Sources {
  x0: vec4u,
  x1: vec4u,
  x2: vec4u,
}

// The inputs of four voxels along W, as the three taps along W see them.
struct Row {
  left: vec4f,
  centre: vec4f,
  right: vec4f,
}

// Sums of four voxels along W, one vector per output.
struct Quad {
  o0: vec4f,
  o1: vec4f,
  o2: vec4f,
  o3: vec4f,
}

// Two rows of voxels along H, eight outputs.
struct Sums {
  top_low: Quad,
  top_high: Quad,
  bottom_low: Quad,
  bottom_high: Quad,
}

fn tiles() -> vec3u {
  let tile = vec3u(TILE_H, TILE_W, TILE_D);
  return (vec3u(params.height, params.width, params.depth) + tile - 1u) / tile;
}

// Workgroups that read one brick are neighbours. Past the last one the split is too large.
fn place_of(group: u32) -> Place {
  let blocks = (params.outputs + OUTPUTS - 1u) / OUTPUTS;
  let count = tiles();
  let tile = group / blocks;
  let sample = tile / (count.x * count.y * count.z);
  let origin = vec3u(tile / (count.y * count.z) % count.x, tile / count.z % count.y, tile % count.z);
  return Place(
    sample / params.samples,
    sample % params.samples,
    group % blocks * OUTPUTS,
    origin * vec3u(TILE_H, TILE_W, TILE_D),
  );
}

// A channel is counted over both sources.
fn load(sample: u32, channel: u32, at: u32) -> f32 {
  if (at == OUTSIDE) {
    return 0.0;
  }
  let voxels = params.height * params.width * params.depth;
  if (channel < params.x_inputs) {
    let value = f32(x[params.x_base + (sample * params.x_channels + channel) * voxels + at]);
    return from_first(value, params.x_channel + channel);
  }
  let rest = channel - params.x_inputs;
  let value = f32(other[params.other_base + (sample * params.other_channels + rest) * voxels + at]);
  return from_other(value, params.other_channel + rest);
}

fn sources_of(element: u32, origin: vec3u) -> vec4u {
  // The border wraps round to values far above any axis length.
  let h = origin.x + element / PLANE - 1u;
  let first = element % QUADS * 4u + vec4u(0, 1, 2, 3); // from the border
  let w = origin.y + first - 1u;
  let d = origin.z + element / QUADS % (TILE_D + 2u) - 1u;
  let inside = (w < vec4u(params.width)) & (first < vec4u(TILE_W + 2u));
  let plane = element < ELEMENTS && h < params.height && d < params.depth;
  return select(vec4u(OUTSIDE), (h * params.width + w) * params.depth + d, inside & vec4<bool>(plane));
}

fn load_four(place: Place, channel: u32, at: vec4u) -> vec4f {
  return vec4f(
    load(place.sample, channel, at.x),
    load(place.sample, channel, at.y),
    load(place.sample, channel, at.z),
    load(place.sample, channel, at.w),
  );
}

// One tap of four outputs. Outputs past the last read the last; their sums are not stored.
fn load_weights(place: Place, channel: u32, index: u32) -> vec4f {
  let tap = select(index % 27u, 26u - index % 27u, params.flip == 1u);
  let outputs = min(place.output + index / 27u * 4u + vec4u(0, 1, 2, 3), vec4u(params.outputs - 1u));
  let at = params.weight_base + channel * params.input_stride + tap + outputs * params.output_stride;
  return vec4f(weight[at.x], weight[at.y], weight[at.z], weight[at.w]);
}

fn fetch(place: Place, channel: u32, at: Sources, local: u32) -> Staged {
  var staged: Staged;
  staged.x0 = load_four(place, channel, at.x0);
  if (ELEMENTS > LANES) {
    staged.x1 = load_four(place, channel, at.x1);
    staged.x2 = load_four(place, channel, at.x2);
  }
  if (local < WEIGHTS) {
    staged.low = load_weights(place, channel, local);
  }
  if (local + LANES < WEIGHTS) {
    staged.high = load_weights(place, channel, local + LANES);
  }
  return staged;
}

fn put_quad(element: u32, values: vec4f) {
  if (element < ELEMENTS) {
    brick[element] = values;
  }
}

fn put(staged: Staged, local: u32) {
  put_quad(local, staged.x0);
  if (ELEMENTS > LANES) {
    put_quad(local + LANES, staged.x1);
    put_quad(local + 2u * LANES, staged.x2);
  }
  if (local < WEIGHTS) {
    weights[local] = staged.low;
  }
  if (local + LANES < WEIGHTS) {
    weights[local + LANES] = staged.high;
  }
}

fn read_row(at: u32) -> Row {
  let a = brick[at];
  let b = brick[at + 1u];
  return Row(a, vec4f(a.yzw, b.x), vec4f(a.zw, b.xy));
}

fn add_quad(quad: Quad, values: vec4f, w: vec4f) -> Quad {
  return Quad(
    fma(values, vec4f(w.x), quad.o0),
    fma(values, vec4f(w.y), quad.o1),
    fma(values, vec4f(w.z), quad.o2),
    fma(values, vec4f(w.w), quad.o3),
  );
}

fn add_tap(sums: Sums, top: vec4f, bottom: vec4f, at: u32) -> Sums {
  let low = weights[at];
  let high = weights[at + 27u];
  return Sums(
    add_quad(sums.top_low, top, low),
    add_quad(sums.top_high, top, high),
    add_quad(sums.bottom_low, bottom, low),
    add_quad(sums.bottom_high, bottom, high),
  );
}

// The three taps along W of one (kh, kd).
fn add_row(sums: Sums, top: Row, bottom: Row, at: u32) -> Sums {
  let left = add_tap(sums, top.left, bottom.left, at);
  let centre = add_tap(left, top.centre, bottom.centre, at + 3u);
  return add_tap(centre, top.right, bottom.right, at + 6u);
}

// All taps of the staged channel.
fn add_channel(before: Sums, at: u32, weights_at: u32) -> Sums {
  var sums = before;
  for (var kd = 0u; kd < 3u; kd++) {
    let plane = at + kd * QUADS;
    let first = read_row(plane);
    let second = read_row(plane + PLANE);
    sums = add_row(sums, first, second, weights_at + kd);
    let third = read_row(plane + 2u * PLANE);
    sums = add_row(sums, second, third, weights_at + 9u + kd);
    let fourth = read_row(plane + 3u * PLANE);
    sums = add_row(sums, third, fourth, weights_at + 18u + kd);
  }
  return sums;
}

// The voxel of the tile that an invocation's first one is.
fn corner_of(local: u32) -> vec3u {
  let thread = local % (LANES / (OUTPUTS / 8u));
  let blocks = TILE_W / 4u;
  return vec3u(thread / (TILE_D * blocks) * 2u, thread / TILE_D % blocks * 4u, thread % TILE_D);
}

// The first of an invocation's eight outputs.
fn output_of(place: Place, local: u32) -> u32 {
  return place.output + local / (LANES / (OUTPUTS / 8u)) * 8u;
}

fn convolve(place: Place, local: u32) -> Sums {
  let sources = Sources(
    sources_of(local, place.origin),
    sources_of(local + LANES, place.origin),
    sources_of(local + 2u * LANES, place.origin),
  );
  let corner = corner_of(local);
  let at = corner.x * PLANE + corner.z * QUADS + corner.y / 4u;
  let weights_at = local / (LANES / (OUTPUTS / 8u)) * 54u;
  let first = place.split * params.split_inputs;
  let last = min(first + params.split_inputs, params.inputs);
  var sums: Sums;
  var staged: Staged;
  for (var channel = first; channel <= last; channel++) {
    if (channel < last) {
      staged = fetch(place, channel, sources, local);
    }
    if (channel > first) {
      sums = add_channel(sums, at, weights_at); // the channel before
    }
    workgroupBarrier();
    put(staged, local);
    workgroupBarrier();
  }
  return sums;
}

fn store_row(values: vec4f, at: u32, voxels: u32) {
  store(at, values.x);
  if (voxels > 1u) {
    store(at + params.depth, values.y);
  }
  if (voxels > 2u) {
    store(at + 2u * params.depth, values.z);
  }
  if (voxels > 3u) {
    store(at + 3u * params.depth, values.w);
  }
}

fn store_quad(quad: Quad, at: u32, voxels: u32, output: u32, start: vec4f) {
  let channel = params.height * params.width * params.depth;
  if (output < params.outputs) {
    store_row(quad.o0 + start.x, at, voxels);
  }
  if (output + 1u < params.outputs) {
    store_row(quad.o1 + start.y, at + channel, voxels);
  }
  if (output + 2u < params.outputs) {
    store_row(quad.o2 + start.z, at + 2u * channel, voxels);
  }
  if (output + 3u < params.outputs) {
    store_row(quad.o3 + start.w, at + 3u * channel, voxels);
  }
}

// `low` and `high` are what the sums of the first and the last four outputs begin with.
fn store_sums(place: Place, local: u32, sums: Sums, low: vec4f, high: vec4f) {
  let voxel = place.origin + corner_of(local);
  if (voxel.x >= params.height || voxel.y >= params.width || voxel.z >= params.depth) {
    return;
  }
  let output = output_of(place, local);
  let channel = params.height * params.width * params.depth;
  let sample = place.split * params.samples + place.sample;
  let row = (voxel.x * params.width + voxel.y) * params.depth + voxel.z;
  let at = params.y_base + (sample * params.y_channels + output) * channel + row;
  let left = params.width - voxel.y;
  store_quad(sums.top_low, at, left, output, low);
  store_quad(sums.top_high, at + 4u * channel, left, output + 4u, high);
  if (voxel.x + 1u < params.height) {
    let below = at + params.width * params.depth;
    store_quad(sums.bottom_low, below, left, output, low);
    store_quad(sums.bottom_high, below + 4u * channel, left, output + 4u, high);
  }
}

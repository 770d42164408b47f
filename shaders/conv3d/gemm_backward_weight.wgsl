// d(weight) of the 3x3x3 convolution, stride 1, as an implicit matrix product for GPUs: sums over a chunk of voxels, all of them or the
// first of two stages. A workgroup takes INPUTS channels of x and OUTPUTS of dy through the tiles of its chunk. Of each tile it
// stages the halo bricks of x and the gradients, zeros beyond the volume; the next tile is on its way from memory meanwhile.
// An invocation sums the nine taps (kh, kw) of one kd, one input channel and eight outputs: 72 sums. Four voxels a step, 6 vec4 of
// the brick and 8 of gradients feed 288 multiply-adds.
#import lib/activation
#import lib/source_pair

override ACCUMULATE: bool = false;

// THREADS = INPUTS * 3 * OUTPUTS / 8
override INPUTS: u32 = 8;
override OUTPUTS: u32 = 64;
override TILE_H: u32 = 2;
override TILE_W: u32 = 4;
override TILE_D: u32 = 4;
override THREADS: u32 = 192;
// Vectors between the staged bricks of two channels, chosen so that a subgroup reads from different memory banks.
override CHANNEL: u32 = 51;

// The brick is staged as vectors along W, so that a row of four voxels and its two neighbours takes two reads.
override ROW: u32 = TILE_W / 4 + 1;
override AREA: u32 = (TILE_D + 2) * ROW;
override BRICK: u32 = (TILE_H + 2) * AREA;
override ELEMENTS: u32 = INPUTS * BRICK; // at most 8 * THREADS
override VOXELS: u32 = TILE_H * TILE_W * TILE_D;
override QUADS: u32 = OUTPUTS / 4;
override GRADIENTS: u32 = QUADS * VOXELS; // at most 3 * THREADS

struct Params {
  samples: u32,
  inputs: u32, // channels read: x_inputs of x, then those of other
  x_inputs: u32,
  outputs: u32, // channels of dy that are read
  height: u32,
  width: u32,
  depth: u32,
  x_base: u32, // elements of the bound window in front of the first channel read
  x_channel: u32, // the first one read
  x_channels: u32, // per sample in x
  other_base: u32,
  other_channel: u32,
  other_channels: u32,
  dy_base: u32,
  dy_channels: u32,
  chunk_tiles: u32,
  base: u32, // element of the target where output 0, input 0, tap 0 of chunk 0 goes
  row_stride: u32, // elements of the target between two outputs
  chunk_stride: u32, // between two chunks
}

@group(0) @binding(0) var<storage, read> x: array<Activation>; // (N, x channels, H, W, D)
@group(0) @binding(1) var<storage, read> other: array<Activation>; // (N, other channels, H, W, D); x again when there is no other
@group(0) @binding(2) var<storage, read> dy: array<Activation>; // (N, dy channels, H, W, D)
@group(0) @binding(3) var<storage, read_write> target_sums: array<f32>; // (chunks, O, I, 27), or the gradient
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> bricks: array<vec4f, INPUTS * CHANNEL>; // (INPUTS, TILE_H + 2, TILE_D + 2, ROW)
// (voxels of the tile, OUTPUTS / 4 + 1): the one more keeps neighbouring voxels in different memory banks
var<workgroup> gradients: array<vec4f, VOXELS * (QUADS + 1)>;

// A tile of the volume, and the channels that a workgroup takes.
struct Place {
  sample: u32,
  origin: vec3u,
  input: u32,
  output: u32,
}

// An invocation's share of a tile, on its way to workgroup memory.
struct Staged {
  x0: vec4f,
  x1: vec4f,
  x2: vec4f,
  x3: vec4f,
  x4: vec4f,
  x5: vec4f,
  x6: vec4f,
  x7: vec4f,
  dy0: vec4f,
  dy1: vec4f,
  dy2: vec4f,
}

// The inputs of four voxels along W and their neighbours.
struct Row {
  a: f32,
  b: f32,
  c: f32,
  d: f32,
  e: f32,
  f: f32,
}

// The gradients of four voxels along W; each a vector over four outputs.
struct Gradients {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
}

// Sums of the three taps along W.
struct Taps {
  left: vec4f,
  centre: vec4f,
  right: vec4f,
}

// Sums of the nine taps of one kd.
struct Plane {
  above: Taps,
  middle: Taps,
  below: Taps,
}

// Of eight outputs.
struct Sums {
  low: Plane,
  high: Plane,
}

fn tiles() -> vec3u {
  let tile = vec3u(TILE_H, TILE_W, TILE_D);
  return (vec3u(params.height, params.width, params.depth) + tile - 1u) / tile;
}

fn place_of(tile: u32, id: vec3u) -> Place {
  let count = tiles();
  let origin = vec3u(tile / (count.y * count.z) % count.x, tile / count.z % count.y, tile % count.z);
  return Place(
    tile / (count.x * count.y * count.z),
    origin * vec3u(TILE_H, TILE_W, TILE_D),
    id.x * INPUTS,
    id.y * OUTPUTS,
  );
}

// A channel is counted over both sources. Channels past the last read the last; their sums are not stored.
fn load(sample: u32, channel: u32, at: u32, inside: bool) -> f32 {
  if (!inside) {
    return 0.0;
  }
  let voxels = params.height * params.width * params.depth;
  let known = min(channel, params.inputs - 1u);
  if (known < params.x_inputs) {
    let value = f32(x[params.x_base + (sample * params.x_channels + known) * voxels + at]);
    return from_first(value, params.x_channel + known);
  }
  let rest = known - params.x_inputs;
  let value = f32(other[params.other_base + (sample * params.other_channels + rest) * voxels + at]);
  return from_other(value, params.other_channel + rest);
}

// Four neighbours along W, zeros beyond the volume.
fn load_four(place: Place, element: u32) -> vec4f {
  let rest = element % BRICK;
  // The border wraps round to values far above any axis length.
  let h = place.origin.x + rest / AREA - 1u;
  let first = rest % ROW * 4u; // from the border
  let w = place.origin.y + first - 1u;
  let d = place.origin.z + rest / ROW % (TILE_D + 2u) - 1u;
  if (element >= ELEMENTS || h >= params.height || d >= params.depth) {
    return vec4f();
  }
  let steps = vec4u(0, 1, 2, 3);
  let inside = (first + steps < vec4u(TILE_W + 2u)) & (w + steps < vec4u(params.width));
  let channel = place.input + element / BRICK;
  let at = (h * params.width + w + steps) * params.depth + d;
  return vec4f(
    load(place.sample, channel, at.x, inside.x),
    load(place.sample, channel, at.y, inside.y),
    load(place.sample, channel, at.z, inside.z),
    load(place.sample, channel, at.w, inside.w),
  );
}

// One voxel of four outputs. Outputs past the last read the last; their sums are not stored.
fn load_gradient(place: Place, index: u32) -> vec4f {
  let voxel = index % VOXELS;
  let h = place.origin.x + voxel / (TILE_W * TILE_D);
  let w = place.origin.y + voxel / TILE_D % TILE_W;
  let d = place.origin.z + voxel % TILE_D;
  if (index >= GRADIENTS || h >= params.height || w >= params.width || d >= params.depth) {
    return vec4f();
  }
  let outputs = min(place.output + index / VOXELS * 4u + vec4u(0, 1, 2, 3), vec4u(params.outputs - 1u));
  let channels = (place.sample * params.dy_channels + outputs) * (params.height * params.width * params.depth);
  let at = params.dy_base + (h * params.width + w) * params.depth + d + channels;
  return vec4f(f32(dy[at.x]), f32(dy[at.y]), f32(dy[at.z]), f32(dy[at.w]));
}

fn fetch(place: Place, local: u32) -> Staged {
  var staged: Staged;
  staged.x0 = load_four(place, local);
  staged.x1 = load_four(place, local + THREADS);
  if (ELEMENTS > 2u * THREADS) {
    staged.x2 = load_four(place, local + 2u * THREADS);
    staged.x3 = load_four(place, local + 3u * THREADS);
    staged.x4 = load_four(place, local + 4u * THREADS);
    staged.x5 = load_four(place, local + 5u * THREADS);
    staged.x6 = load_four(place, local + 6u * THREADS);
    staged.x7 = load_four(place, local + 7u * THREADS);
  }
  staged.dy0 = load_gradient(place, local);
  staged.dy1 = load_gradient(place, local + THREADS);
  if (GRADIENTS > 2u * THREADS) {
    staged.dy2 = load_gradient(place, local + 2u * THREADS);
  }
  return staged;
}

fn put_four(element: u32, values: vec4f) {
  if (element < ELEMENTS) {
    bricks[element + element / BRICK * (CHANNEL - BRICK)] = values;
  }
}

fn put_gradient(index: u32, value: vec4f) {
  if (index < GRADIENTS) {
    gradients[index % VOXELS * (QUADS + 1u) + index / VOXELS] = value;
  }
}

fn put(staged: Staged, local: u32) {
  put_four(local, staged.x0);
  put_four(local + THREADS, staged.x1);
  if (ELEMENTS > 2u * THREADS) {
    put_four(local + 2u * THREADS, staged.x2);
    put_four(local + 3u * THREADS, staged.x3);
    put_four(local + 4u * THREADS, staged.x4);
    put_four(local + 5u * THREADS, staged.x5);
    put_four(local + 6u * THREADS, staged.x6);
    put_four(local + 7u * THREADS, staged.x7);
  }
  put_gradient(local, staged.dy0);
  put_gradient(local + THREADS, staged.dy1);
  if (GRADIENTS > 2u * THREADS) {
    put_gradient(local + 2u * THREADS, staged.dy2);
  }
}

fn read_row(at: u32) -> Row {
  let near = bricks[at];
  let far = bricks[at + 1u];
  return Row(near.x, near.y, near.z, near.w, far.x, far.y);
}

fn read_gradients(at: u32) -> Gradients {
  let step = TILE_D * (QUADS + 1u);
  return Gradients(gradients[at], gradients[at + step], gradients[at + 2u * step], gradients[at + 3u * step]);
}

fn add_voxels(t: Taps, x: Row, g: Gradients) -> Taps {
  return Taps(
    fma(g.d, vec4f(x.d), fma(g.c, vec4f(x.c), fma(g.b, vec4f(x.b), fma(g.a, vec4f(x.a), t.left)))),
    fma(g.d, vec4f(x.e), fma(g.c, vec4f(x.d), fma(g.b, vec4f(x.c), fma(g.a, vec4f(x.b), t.centre)))),
    fma(g.d, vec4f(x.f), fma(g.c, vec4f(x.e), fma(g.b, vec4f(x.d), fma(g.a, vec4f(x.c), t.right)))),
  );
}

// The staged tile's share of an invocation's sums, row by row along W.
fn add_tile(before: Sums, local: u32) -> Sums {
  let input = local / 3u % INPUTS;
  let quad = local / (INPUTS * 3u) * 2u;
  var sums = before;
  for (var row = 0u; row < TILE_H * TILE_D; row++) {
    let h = row / TILE_D;
    let d = row % TILE_D;
    for (var w = 0u; w < TILE_W; w += 4u) {
      let at = input * CHANNEL + h * AREA + (d + local % 3u) * ROW + w / 4u;
      let gradient_at = ((h * TILE_W + w) * TILE_D + d) * (QUADS + 1u) + quad;
      let low = read_gradients(gradient_at);
      let high = read_gradients(gradient_at + 1u);
      let above = read_row(at);
      let middle = read_row(at + AREA);
      let below = read_row(at + 2u * AREA);
      sums.low.above = add_voxels(sums.low.above, above, low);
      sums.high.above = add_voxels(sums.high.above, above, high);
      sums.low.middle = add_voxels(sums.low.middle, middle, low);
      sums.high.middle = add_voxels(sums.high.middle, middle, high);
      sums.low.below = add_voxels(sums.low.below, below, low);
      sums.high.below = add_voxels(sums.high.below, below, high);
    }
  }
  return sums;
}

fn store(at: u32, value: f32) {
  if (ACCUMULATE) {
    target_sums[at] += value;
  } else {
    target_sums[at] = value;
  }
}

fn store_tap(id: vec3u, local: u32, first: u32, tap: u32, sums: vec4f) {
  let input = id.x * INPUTS + local / 3u % INPUTS;
  let output = id.y * OUTPUTS + local / (INPUTS * 3u) * 8u + first;
  if (input >= params.inputs || output >= params.outputs) {
    return;
  }
  let at = params.base + id.z * params.chunk_stride + output * params.row_stride + input * 27u + tap * 3u + local % 3u;
  store(at, sums.x);
  if (output + 1u < params.outputs) {
    store(at + params.row_stride, sums.y);
  }
  if (output + 2u < params.outputs) {
    store(at + 2u * params.row_stride, sums.z);
  }
  if (output + 3u < params.outputs) {
    store(at + 3u * params.row_stride, sums.w);
  }
}

fn store_taps(id: vec3u, local: u32, first: u32, tap: u32, taps: Taps) {
  store_tap(id, local, first, tap, taps.left);
  store_tap(id, local, first, tap + 1u, taps.centre);
  store_tap(id, local, first, tap + 2u, taps.right);
}

fn store_plane(id: vec3u, local: u32, first: u32, plane: Plane) {
  store_taps(id, local, first, 0u, plane.above);
  store_taps(id, local, first, 3u, plane.middle);
  store_taps(id, local, first, 6u, plane.below);
}

// Workgroups are (blocks of inputs, blocks of outputs, chunks).
@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let count = tiles();
  let all = params.samples * count.x * count.y * count.z;
  let first = id.z * params.chunk_tiles;
  let last = min(first + params.chunk_tiles, all);
  var sums: Sums;
  var staged: Staged;
  for (var tile = first; tile <= last; tile++) {
    if (tile < last) {
      staged = fetch(place_of(tile, id), local);
    }
    if (tile > first) {
      sums = add_tile(sums, local); // the tile before
    }
    workgroupBarrier();
    put(staged, local);
    workgroupBarrier();
  }
  store_plane(id, local, 0u, sums.low);
  store_plane(id, local, 4u, sums.high);
}

// The channels of a workgroup of conv3d/gemm_backward_weight, and the staging of a tile's bricks and gradients: `fetch` loads into
// registers, `put` stores to workgroup memory once all invocations are done with the previous tile.
#import lib/conv3d/gemm_sources

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
// Vectors in workgroup memory; named, because naga takes no other expression of overrides as the length of an array.
override STAGED_BRICKS: u32 = INPUTS * CHANNEL;
override STAGED_GRADIENTS: u32 = VOXELS * (QUADS + 1);

struct Params {
  sources: Sources,
  @align(16) source: SourceParams,
  @align(16) samples: u32,
  inputs: u32, // channels read, of both sources
  outputs: u32, // channels read of dy
  dy_base: u32,
  dy_channels: u32,
  height: u32,
  width: u32,
  depth: u32,
  chunk_tiles: u32,
  base: u32, // element of the target for output 0, input 0, tap 0 of chunk 0
  row_stride: u32, // elements of the target between two outputs
  chunk_stride: u32, // between two chunks
}

@group(0) @binding(2) var<storage, read> dy: array<Activation>; // (N, dy channels, H, W, D)
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> bricks: array<vec4f, STAGED_BRICKS>; // (INPUTS, TILE_H + 2, TILE_D + 2, ROW)
// (voxels of the tile, OUTPUTS / 4 + 1): the extra one keeps neighbouring voxels in different memory banks
var<workgroup> gradients: array<vec4f, STAGED_GRADIENTS>;

// A tile of the volume, and the channels that a workgroup takes.
struct Place {
  sample: u32,
  origin: vec3u,
  input: u32,
  output: u32,
}

// An invocation's part of a tile, on its way to workgroup memory.
struct Staged {
  #repeat i: 0..8
  x$i: vec4f,
  #end
  dy0: vec4f,
  dy1: vec4f,
  dy2: vec4f,
}

fn place_of(tile: u32, id: vec3u) -> Place {
  return Place(sample_of(tile), origin_of(tile), id.x * INPUTS, id.y * OUTPUTS);
}

fn load_inside(sample: u32, channel: u32, at: u32, inside: bool, normalisation: vec4f) -> f32 {
  if (!inside) {
    return 0.0;
  }
  return load_channel(sample, channel, at, normalisation);
}

// Four neighbours along W, zero-padded. Channels beyond the last read the last one; their sums are not stored.
fn load_four(place: Place, element: u32) -> vec4f {
  let rest = element % BRICK;
  // Below the volume, coordinates wrap around to values above any axis length.
  let h = place.origin.x + rest / AREA - 1u;
  let first = rest % ROW * 4u; // from the border
  let w = place.origin.y + first - 1u;
  let d = place.origin.z + rest / ROW % (TILE_D + 2u) - 1u;
  if (element >= ELEMENTS || h >= params.height || d >= params.depth) {
    return vec4f();
  }
  let steps = vec4u(0, 1, 2, 3);
  let inside = (first + steps < vec4u(TILE_W + 2u)) & (w + steps < vec4u(params.width));
  let channel = min(place.input + element / BRICK, params.inputs - 1u);
  let normalisation = source_of(channel);
  let at = (h * params.width + w + steps) * params.depth + d;
  return vec4f(
    #repeat i: 0..4
    load_inside(place.sample, channel, at[$i], inside[$i], normalisation),
    #end
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
    #repeat i: 2..8
    staged.x$i = load_four(place, local + $i * THREADS);
    #end
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
    #repeat i: 2..8
    put_four(local + $i * THREADS, staged.x$i);
    #end
  }
  put_gradient(local, staged.dy0);
  put_gradient(local + THREADS, staged.dy1);
  if (GRADIENTS > 2u * THREADS) {
    put_gradient(local + 2u * THREADS, staged.dy2);
  }
}

// The channels of a workgroup of conv3d/gemm_backward_weight, and the staging of a tile's bricks and gradients: `fetch` loads into
// registers, `put` stores to workgroup memory once all invocations are done with the previous tile.
#import lib/conv3d/gemm_sources

// Outputs of an invocation, 8 or 4.
override EACH: u32 = 8;
// THREADS = INPUTS * 3 * OUTPUTS / EACH
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
override ELEMENTS: u32 = INPUTS * BRICK; // at most 4 * THREADS
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
  #repeat i: 0..4
  x$i: vec4f,
  #end
  #repeat i: 0..3
  dy$i: vec4f,
  #end
}

fn place_of(tile: u32, id: vec3u) -> Place {
  return Place(sample_of(tile), origin_of(tile), id.x * INPUTS, id.y * OUTPUTS);
}

// Four neighbours along W, zero-padded. Channels beyond the last read the last one; their sums are not stored.
fn load_four(place: Place, element: u32) -> vec4f {
  let rest = element % BRICK;
  let h = place.origin.x + rest / AREA - 1u;
  let first = rest % ROW * 4u; // from the border
  let d = place.origin.z + rest / ROW % (TILE_D + 2u) - 1u;
  let quad = quad_at(h, place.origin.y + first - 1u, d, select(0u, TILE_W + 2u - first, element < ELEMENTS));
  return load_quad(place.sample, min(place.input + element / BRICK, params.inputs - 1u), quad);
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
  #repeat i: 0..4
  if (ELEMENTS > $i * THREADS) {
    staged.x$i = load_four(place, local + $i * THREADS);
  }
  #end
  #repeat i: 0..3
  if (GRADIENTS > $i * THREADS) {
    staged.dy$i = load_gradient(place, local + $i * THREADS);
  }
  #end
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
  #repeat i: 0..4
  put_four(local + $i * THREADS, staged.x$i);
  #end
  #repeat i: 0..3
  put_gradient(local + $i * THREADS, staged.dy$i);
  #end
}

// The tile of a workgroup of lib/conv3d/gemm, and the staging of a channel's brick and weights: `fetch` loads into registers, `put`
// stores to workgroup memory once all invocations are done with the previous channel.
#import lib/conv3d/gemm_sources
#import lib/conv3d/share

// Outputs of an invocation, 8 or 4.
override EACH: u32 = 8;
// The tile of a workgroup: outputs, and voxels along each axis. LANES = OUTPUTS / EACH * TILE_H / 2 * TILE_W / 4 * TILE_D.
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
  share: Share,
  @align(16) sources: Sources,
  @align(16) source: SourceParams,
  @align(16) height: u32,
  width: u32,
  depth: u32,
  split_inputs: u32, // channels a workgroup sums over
  splits: u32,
  weight_base: u32, // element of the first output, first channel, tap 0
  output_stride: u32, // elements between weights of two outputs
  input_stride: u32,
  flip: u32, // 1: the taps run backward
}

@group(0) @binding(2) var<storage, read> weight: array<f32>; // (O, I, 27)
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> brick: array<vec4f, ELEMENTS>; // (TILE_H + 2, TILE_D + 2, QUADS)
var<workgroup> weights: array<vec4f, WEIGHTS>; // (OUTPUTS / 4, 27), a vector over four outputs

// What a workgroup computes.
struct Place {
  split: u32,
  sample: u32,
  output: u32, // first
  origin: vec3u, // first voxel
}

// An invocation's part of a channel, on its way to workgroup memory.
struct Staged {
  #repeat i: 0..3
  x$i: vec4f,
  #end
  low: vec4f,
  high: vec4f,
}

// Where the vectors of the brick that an invocation stages come from.
struct Quads {
  #repeat i: 0..3
  q$i: Quad,
  #end
}

// Workgroups that read the same brick are neighbours. Beyond the last one, the split is too large.
fn place_of(group: u32) -> Place {
  let blocks = (params.share.outputs + OUTPUTS - 1u) / OUTPUTS;
  let tile = group / blocks;
  let sample = sample_of(tile);
  return Place(sample / params.share.samples, sample % params.share.samples, group % blocks * OUTPUTS, origin_of(tile));
}

fn quad_of(element: u32, origin: vec3u) -> Quad {
  let h = origin.x + element / PLANE - 1u;
  let first = element % QUADS * 4u; // from the border
  let d = origin.z + element / QUADS % (TILE_D + 2u) - 1u;
  return quad_at(h, origin.y + first - 1u, d, select(0u, TILE_W + 2u - first, element < ELEMENTS));
}

// One tap of four outputs. Outputs past the last read the last; their sums are not stored.
fn load_weights(place: Place, channel: u32, index: u32) -> vec4f {
  let tap = select(index % 27u, 26u - index % 27u, params.flip == 1u);
  let outputs = min(place.output + index / 27u * 4u + vec4u(0, 1, 2, 3), vec4u(params.share.outputs - 1u));
  let at = params.weight_base + channel * params.input_stride + tap + outputs * params.output_stride;
  return vec4f(weight[at.x], weight[at.y], weight[at.z], weight[at.w]);
}

fn fetch(place: Place, channel: u32, quads: Quads, local: u32) -> Staged {
  var staged: Staged;
  #repeat i: 0..3
  if (ELEMENTS > $i * LANES) {
    staged.x$i = load_quad(place.sample, channel, quads.q$i);
  }
  #end
  if (local < WEIGHTS) {
    staged.low = load_weights(place, channel, local);
  }
  if (local + LANES < WEIGHTS) {
    staged.high = load_weights(place, channel, local + LANES);
  }
  return staged;
}

fn put(staged: Staged, local: u32) {
  #repeat i: 0..3
  if (local + $i * LANES < ELEMENTS) {
    brick[local + $i * LANES] = staged.x$i;
  }
  #end
  if (local < WEIGHTS) {
    weights[local] = staged.low;
  }
  if (local + LANES < WEIGHTS) {
    weights[local + LANES] = staged.high;
  }
}

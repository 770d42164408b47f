// The tile of a workgroup of lib/conv3d/gemm, and the staging of a channel's brick and weights: `fetch` loads into registers, `put`
// stores to workgroup memory once all invocations are done with the previous channel.
#import lib/conv3d/gemm_sources
#import lib/conv3d/share

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

const OUTSIDE = 0xffffffffu;

// What a workgroup computes.
struct Place {
  split: u32,
  sample: u32,
  output: u32, // first
  origin: vec3u, // first voxel
}

// An invocation's part of a channel, on its way to workgroup memory.
struct Staged {
  x0: vec4f,
  x1: vec4f,
  x2: vec4f,
  low: vec4f,
  high: vec4f,
}

// Positions in a channel of the brick elements that an invocation stages; OUTSIDE if there is none.
struct Elements {
  x0: vec4u,
  x1: vec4u,
  x2: vec4u,
}

// Workgroups that read the same brick are neighbours. Beyond the last one, the split is too large.
fn place_of(group: u32) -> Place {
  let blocks = (params.share.outputs + OUTPUTS - 1u) / OUTPUTS;
  let tile = group / blocks;
  let sample = sample_of(tile);
  return Place(sample / params.share.samples, sample % params.share.samples, group % blocks * OUTPUTS, origin_of(tile));
}

fn elements_of(element: u32, origin: vec3u) -> vec4u {
  // Below the volume, coordinates wrap around to values above any axis length.
  let h = origin.x + element / PLANE - 1u;
  let first = element % QUADS * 4u + vec4u(0, 1, 2, 3); // from the border
  let w = origin.y + first - 1u;
  let d = origin.z + element / QUADS % (TILE_D + 2u) - 1u;
  let inside = (w < vec4u(params.width)) & (first < vec4u(TILE_W + 2u));
  let plane = element < ELEMENTS && h < params.height && d < params.depth;
  return select(vec4u(OUTSIDE), (h * params.width + w) * params.depth + d, inside & vec4<bool>(plane));
}

fn load_inside(sample: u32, channel: u32, at: u32, normalisation: vec4f) -> f32 {
  if (at == OUTSIDE) {
    return 0.0;
  }
  return load_channel(sample, channel, at, normalisation);
}

fn load_four(place: Place, channel: u32, at: vec4u, normalisation: vec4f) -> vec4f {
  return vec4f(
    #repeat i: 0..4
    load_inside(place.sample, channel, at[$i], normalisation),
    #end
  );
}

// One tap of four outputs. Outputs past the last read the last; their sums are not stored.
fn load_weights(place: Place, channel: u32, index: u32) -> vec4f {
  let tap = select(index % 27u, 26u - index % 27u, params.flip == 1u);
  let outputs = min(place.output + index / 27u * 4u + vec4u(0, 1, 2, 3), vec4u(params.share.outputs - 1u));
  let at = params.weight_base + channel * params.input_stride + tap + outputs * params.output_stride;
  return vec4f(weight[at.x], weight[at.y], weight[at.z], weight[at.w]);
}

fn fetch(place: Place, channel: u32, at: Elements, local: u32) -> Staged {
  var staged: Staged;
  let normalisation = source_of(channel);
  staged.x0 = load_four(place, channel, at.x0, normalisation);
  if (ELEMENTS > LANES) {
    staged.x1 = load_four(place, channel, at.x1, normalisation);
    staged.x2 = load_four(place, channel, at.x2, normalisation);
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

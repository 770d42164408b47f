#import lib/span
#import lib/activation
#import lib/source

// Max pooling 2×2×2, stride 2: an output voxel belongs to one block of the input. Depth is even, so two neighbours along it are a vec2.
override ACCUMULATE: bool = false;

struct Params {
  spans: Spans, // of the output
  width: u32, // of the output
  depth: u32, // of the output
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec2<Activation>>; // (planes, H, W, D/2)
@group(0) @binding(2) var<storage, read_write> y: array<Activation>; // (planes, H/2, W/2, D/2)
@group(0) @binding(3) var<storage, read_write> taps: array<u32>; // shape of y: index of the largest voxel, 4·h + 2·w + d

// The pairs of a block at (0, 0), (0, 1), (1, 0), (1, 1) along (h, w). Rows of the input and of the output are `depth` pairs and
// `depth` voxels long, and heights are even, so planes need no separate index.
fn pairs_of(i: u32) -> vec4u {
  let row = i / params.depth;
  let d = i - row * params.depth;
  let plane_height = row / params.width;
  let w = row - plane_height * params.width;
  let first = (4u * plane_height * params.width + 2u * w) * params.depth + d;
  let below = first + 2u * params.width * params.depth;
  return vec4u(first, first + params.depth, below, below + params.depth);
}

fn load(at: u32, channel: vec4f) -> vec2f {
  let pair = vec2f(x[at]);
  return vec2f(from_source(pair.x, channel), from_source(pair.y, channel));
}

fn pool(i: u32, channel: vec4f) {
  let at = pairs_of(i);
  var largest = load(at.x, channel).x;
  var tap = 0u;
  for (var p = 0u; p < 4u; p++) {
    let pair = load(at[p], channel);
    if (pair.x > largest) {
      largest = pair.x;
      tap = 2u * p;
    }
    if (pair.y > largest) {
      largest = pair.y;
      tap = 2u * p + 1u;
    }
  }
  y[i] = Activation(largest);
  taps[i] = tap;
}

@compute @workgroup_size(WORKGROUP)
fn forward(at: Invocation) {
  let span = span_at(at, params.spans);
  let channel = source_channel(span.channel);
  for (var i = span.first; i < span.end; i += span.step) {
    pool(i, channel);
  }
}

@group(0) @binding(4) var<storage, read> chosen: array<u32>; // taps from `forward`
@group(0) @binding(5) var<storage, read> d_output: array<Activation>; // (planes, H/2, W/2, D/2)
@group(0) @binding(6) var<storage, read_write> d_input: array<vec2<Activation>>; // (planes, H, W, D/2)

fn spread(i: u32) {
  let at = pairs_of(i);
  let tap = chosen[i];
  let dy = f32(d_output[i]);
  for (var p = 0u; p < 4u; p++) {
    let share = select(vec2f(0.0), vec2f(dy), vec2u(tap) == vec2u(2u * p, 2u * p + 1u));
    let before = select(vec2f(0.0), vec2f(d_input[at[p]]), ACCUMULATE);
    d_input[at[p]] = vec2<Activation>(before + share);
  }
}

@compute @workgroup_size(WORKGROUP)
fn backward(at: Invocation) {
  let span = span_at(at, params.spans);
  for (var i = span.first; i < span.end; i += span.step) {
    spread(i);
  }
}

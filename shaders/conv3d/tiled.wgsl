// 3x3x3 convolution, stride 1, on a zero-bordered brick (pad.wgsl) with packed weights (pack.wgsl). With flipped,
// transposed weights it is its own backward-data pass.
// An invocation has a register tile of 2 x 4 voxels (H, W) by 4 output channels. Neighbouring invocations compute neighbouring
// voxels along D, so their loads are contiguous; a workgroup shares its output channels, so weights are uniform.
// For each input channel and depth tap, 24 inputs and 9 vec4 of weights feed 288 multiply-adds.
#import lib/conv3d/output
#import lib/conv3d/quad
#import lib/conv3d/share
#import lib/conv3d/folded

struct Params {
  share: Share,
  @align(16) height: u32,
  width: u32,
  depth: u32,
}

@group(0) @binding(0) var<storage, read> brick: array<Activation>; // (N, I, 2 * tiles + 2, 4 * tiles + 2, D + 2)
@group(0) @binding(1) var<storage, read> packed: array<vec4f>; // (O / 4, I, 27)
@group(0) @binding(2) var<uniform> params: Params;

struct Tile {
  top: OutputQuad,
  bottom: OutputQuad,
}

fn load(at: u32) -> f32 {
  return f32(brick[at]);
}

fn load_row(at: u32, step: u32) -> Row {
  let a = load(at);
  let b = load(at + step);
  let c = load(at + 2u * step);
  let d = load(at + 3u * step);
  let e = load(at + 4u * step);
  let f = load(at + 5u * step);
  return Row(vec4f(a, b, c, d), vec4f(b, c, d, e), vec4f(c, d, e, f));
}

// The three taps along W of one (kh, kd), for both rows of the tile.
fn add_taps(tile: Tile, top: Row, bottom: Row, at: u32) -> Tile {
  let left = packed[at];
  let centre = packed[at + 3u];
  let right = packed[at + 6u];
  return Tile(
    add_quad(add_quad(add_quad(tile.top, top.left, left), top.centre, centre), top.right, right),
    add_quad(add_quad(add_quad(tile.bottom, bottom.left, left), bottom.centre, centre), bottom.right, right),
  );
}

// The nine taps of one kd.
fn add_plane(tile: Tile, at: u32, row_step: u32, step: u32, weights: u32) -> Tile {
  let r0 = load_row(at, step);
  let r1 = load_row(at + row_step, step);
  let r2 = load_row(at + 2u * row_step, step);
  let r3 = load_row(at + 3u * row_step, step);
  return add_taps(add_taps(add_taps(tile, r0, r1, weights), r1, r2, weights + 9u), r2, r3, weights + 18u);
}

// `index` counts tiles over all samples; `start` is the initial sum.
fn convolve(index: u32, output: u32, start: vec4f) {
  let tiles_h = (params.height + 1u) / 2u;
  let tiles_w = (params.width + 3u) / 4u;
  let d = index % params.depth;
  let w = index / params.depth % tiles_w * 4u;
  let h = index / (params.depth * tiles_w) % tiles_h * 2u;
  let n = index / (params.depth * tiles_w * tiles_h);
  if (n >= params.share.samples) {
    return;
  }
  let step = params.depth + 2u;
  let row_step = (tiles_w * 4u + 2u) * step;
  let channel_step = (tiles_h * 2u + 2u) * row_step;
  var at = n * params.share.inputs * channel_step + h * row_step + w * step + d;
  var weights = output / 4u * params.share.inputs * 27u;
  var tile = Tile();
  for (var i = 0u; i < params.share.inputs; i++) {
    tile = add_plane(tile, at, row_step, step, weights);
    tile = add_plane(tile, at + 1u, row_step, step, weights + 1u);
    tile = add_plane(tile, at + 2u, row_step, step, weights + 2u);
    at += channel_step;
    weights += 27u;
  }
  let to = params.share.y_base + (((n * params.share.y_channels + output) * params.height + h) * params.width + w) * params.depth + d;
  store_outputs(to, params.width - w, output, raise_quad(tile.top, start));
  if (h + 1u < params.height) {
    store_outputs(to + params.width * params.depth, params.width - w, output, raise_quad(tile.bottom, start));
  }
}

// Workgroups are (tiles folded into x and z, blocks of four outputs in y).
@compute @workgroup_size(WORKGROUP) $SUBGROUP
fn forward(at: Invocation) {
  convolve(folded_index(at), at.group.y * 4u, bias_of(at.group.y * 4u));
}

// Without a bias: further slabs of input channels, and the backward-data pass.
@compute @workgroup_size(WORKGROUP) $SUBGROUP
fn add(at: Invocation) {
  convolve(folded_index(at), at.group.y * 4u, vec4f());
}

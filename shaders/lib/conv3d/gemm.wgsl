// 3x3x3 convolution, stride 1, as an implicit GEMM for GPUs. With flipped, transposed weights it is its own backward-data pass. Channel
// by channel, a workgroup stages the zero-padded brick of its tile and the weights of its outputs, and uses them for all 27 taps.
// Meanwhile the next channel is loaded into registers.
// An invocation has a register tile of 2 x 4 voxels (H, W) by EACH outputs. Neighbouring invocations compute neighbouring voxels along D.
// Whole subgroups share their outputs, so reads of weights are broadcasts: for 8 outputs, 8 vec4 of the brick and 18 of weights feed 576
// multiply-adds. If a volume is too small to fill a GPU, the summed channels are split.
// The importing shader defines fn store(at: u32, value: f32).
#import lib/conv3d/gemm_stage
#import lib/conv3d/quad

// Two rows of voxels along H, the first four outputs and, if an invocation has eight, the last four.
struct Sums {
  top_low: OutputQuad,
  top_high: OutputQuad,
  bottom_low: OutputQuad,
  bottom_high: OutputQuad,
}

fn read_row(at: u32) -> Row {
  let a = brick[at];
  let b = brick[at + 1u];
  return Row(a, vec4f(a.yzw, b.x), vec4f(a.zw, b.xy));
}

fn add_tap(sums: Sums, top: vec4f, bottom: vec4f, at: u32) -> Sums {
  var next = sums;
  let low = weights[at];
  next.top_low = add_quad(sums.top_low, top, low);
  next.bottom_low = add_quad(sums.bottom_low, bottom, low);
  if (EACH > 4u) {
    let high = weights[at + 27u];
    next.top_high = add_quad(sums.top_high, top, high);
    next.bottom_high = add_quad(sums.bottom_high, bottom, high);
  }
  return next;
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

// The tile's voxel where an invocation's register tile starts.
fn corner_of(local: u32) -> vec3u {
  let thread = local % (LANES / (OUTPUTS / EACH));
  let blocks = TILE_W / 4u;
  return vec3u(thread / (TILE_D * blocks) * 2u, thread / TILE_D % blocks * 4u, thread % TILE_D);
}

// The first of an invocation's outputs.
fn output_of(place: Place, local: u32) -> u32 {
  return place.output + local / (LANES / (OUTPUTS / EACH)) * EACH;
}

fn convolve(place: Place, local: u32) -> Sums {
  let quads = Quads(
    #repeat i: 0..3
    quad_of(local + $i * LANES, place.origin),
    #end
  );
  let corner = corner_of(local);
  let at = corner.x * PLANE + corner.z * QUADS + corner.y / 4u;
  let weights_at = local / (LANES / (OUTPUTS / EACH)) * (EACH / 4u) * 27u;
  let first = place.split * params.split_inputs;
  let last = min(first + params.split_inputs, params.share.inputs);
  var sums: Sums;
  var staged: Staged;
  for (var channel = first; channel <= last; channel++) {
    if (channel < last) {
      staged = fetch(place, channel, quads, local);
    }
    if (channel > first) {
      sums = add_channel(sums, at, weights_at); // the previous channel
    }
    workgroupBarrier();
    put(staged, local);
    workgroupBarrier();
  }
  return sums;
}

// `low` and `high` are the initial sums of the first and last four outputs.
fn store_sums(place: Place, local: u32, sums: Sums, low: vec4f, high: vec4f) {
  let voxel = place.origin + corner_of(local);
  if (voxel.x >= params.height || voxel.y >= params.width || voxel.z >= params.depth) {
    return;
  }
  let output = output_of(place, local);
  let channel = params.height * params.width * params.depth;
  let sample = place.split * params.share.samples + place.sample;
  let row = (voxel.x * params.width + voxel.y) * params.depth + voxel.z;
  let at = params.share.y_base + (sample * params.share.y_channels + output) * channel + row;
  let left = params.width - voxel.y;
  store_outputs(at, left, output, raise_quad(sums.top_low, low));
  if (EACH > 4u) {
    store_outputs(at + 4u * channel, left, output + 4u, raise_quad(sums.top_high, high));
  }
  if (voxel.x + 1u < params.height) {
    let below = at + params.width * params.depth;
    store_outputs(below, left, output, raise_quad(sums.bottom_low, low));
    if (EACH > 4u) {
      store_outputs(below + 4u * channel, left, output + 4u, raise_quad(sums.bottom_high, high));
    }
  }
}

// 3x3x3 convolution, stride 1, for few channels on a CPU, on a zero-bordered brick (pad.wgsl): Winograd F(4, 3) along H only, the
// taps along W and D as they are. Nothing between a load of the input and the store of an output leaves the registers or the
// stack, which on a CPU costs a tenth of a load from a buffer.
// An invocation computes four by four voxels (H, W) of eight output channels: 192 sums. A subgroup of LANES invocations computes
// LANES voxels along D and gets the neighbours along D from each other; those beyond its ends are in GROUPS vectors, which hold
// both neighbours of COLUMNS positions along W. For each input channel, 36 inputs, 6 · GROUPS vectors of neighbours and 432 weights
// feed 1728 multiply-adds.
#import lib/conv3d/output
#import lib/conv3d/share
#import lib/conv3d/folded
#import lib/winograd/edge4_inverse
#import lib/winograd/edge4_voxels

enable subgroups;

struct Params {
  share: Share,
  height: u32,
  width: u32,
  depth: u32,
}

@group(0) @binding(0) var<storage, read> brick: array<Activation>; // (N, I, 4 * tiles + 2, 4 * tiles + 2, LANES * segments + 2)
@group(0) @binding(1) var<storage, read> packed: array<f32>; // (O / 8, I, 8, 64): 6 frequencies by 3 (W) by 3 (D) taps
@group(0) @binding(2) var<uniform> params: Params;

// Six voxels along H, transformed.
fn column(at: u32, row: u32) -> Six_f32 {
  return transform_f32(
    Six_f32(
      #repeat h: 0..6
      f32(brick[at + $h * row]),
      #end
    ),
  );
}

// Six positions along W, and their neighbours along D.
struct Line {
  below: array<f32, 6>,
  centre: array<f32, 6>,
  above: array<f32, 6>,
}

// The weights of one output channel and one input channel, (6, 3 (W), 3 (D)): one to an invocation.
fn weights_of(at: u32) -> array<f32, ${LOADS}> {
  return array<f32, ${LOADS}>(
    #repeat k: 0..${LOADS}
    packed[at + $k * ${LANES}],
    #end
  );
}

// Adds the nine taps of one frequency.
fn add_line(s: vec4f, x: Line, taps: array<f32, 9>) -> vec4f {
  var sum = s;
  #repeat k: 0..3
  sum = fma(vec4f(x.below[$k], x.below[$k + 1], x.below[$k + 2], x.below[$k + 3]), vec4f(taps[3 * $k]), sum);
  sum = fma(vec4f(x.centre[$k], x.centre[$k + 1], x.centre[$k + 2], x.centre[$k + 3]), vec4f(taps[3 * $k + 1]), sum);
  sum = fma(vec4f(x.above[$k], x.above[$k + 1], x.above[$k + 2], x.above[$k + 3]), vec4f(taps[3 * $k + 2]), sum);
  #end
  return sum;
}

// Stores four by four voxels (H, W) of one channel, as far as they are inside the volume.
fn store_channel(at: u32, inside: vec2u, start: f32, values: Four_vec4f) {
  #repeat h: 0..4
  if (inside.x > $h) {
    store_four(at + $h * params.width * params.depth, params.depth, inside.y, values.e$h + start);
  }
  #end
}

// `index` counts segments of LANES voxels of all samples.
fn convolve(index: u32, lane: u32, output: u32, starts: array<f32, 8>) {
  let segments = (params.depth + ${LANES}u - 1u) / ${LANES}u;
  let tiles_w = (params.width + 3u) / 4u;
  let tiles_h = (params.height + 3u) / 4u;
  let d = index % segments * ${LANES}u;
  let w = index / segments % tiles_w * 4u;
  let h = index / (segments * tiles_w) % tiles_h * 4u;
  let n = index / (segments * tiles_w * tiles_h);
  let sample = min(n, params.share.samples - 1u);
  let step = segments * ${LANES}u + 2u;
  let row = (tiles_w * 4u + 2u) * step;
  let channel = (tiles_h * 4u + 2u) * row;
  var at = sample * params.share.inputs * channel + h * row + w * step + d;
  let side = lane % 2u * (${LANES}u + 1u);
  #repeat g: 0..${GROUPS}
  let border$g = min(${COLUMNS}u * $g + lane / 2u, 5u) * step + side;
  #end
  var weights = output / 8u * params.share.inputs * 512u + lane;
  #repeat o: 0..8
  var sums$o = array<vec4f, 6>();
  #end
  for (var i = 0u; i < params.share.inputs; i++) {
    #repeat c: 0..6
    let x$c = column(at + $c * step + 1u + lane, row);
    #end
    #repeat g: 0..${GROUPS}
    let y$g = column(at + border$g, row);
    #end
    #repeat f: 0..6
    let ends$f = array<f32, ${GROUPS}>(
      #repeat g: 0..${GROUPS}
      y$g.e$f,
      #end
    );
    let line$f = Line(
      array<f32, 6>(
        #repeat c: 0..6
        select(subgroupShuffleUp(x$c.e$f, 1u), subgroupBroadcast(ends$f[$c / ${COLUMNS}], u32($c % ${COLUMNS} * 2)), lane == 0u),
        #end
      ),
      array<f32, 6>(
        #repeat c: 0..6
        x$c.e$f,
        #end
      ),
      array<f32, 6>(
        #repeat c: 0..6
        select(
          subgroupShuffleDown(x$c.e$f, 1u),
          subgroupBroadcast(ends$f[$c / ${COLUMNS}], u32($c % ${COLUMNS} * 2 + 1)),
          lane == ${LANES}u - 1u,
        ),
        #end
      ),
    );
    #end
    #repeat o: 0..8
    let w$o = weights_of(weights + 64 * $o);
    #repeat f: 0..6
    sums$o[$f] = add_line(
      sums$o[$f],
      line$f,
      array<f32, 9>(
        #repeat t: 0..9
        subgroupBroadcast(w$o[($f * 9 + $t) / ${LANES}], u32(($f * 9 + $t) % ${LANES})),
        #end
      ),
    );
    #end
    #end
    at += channel;
    weights += 512u;
  }
  if (n >= params.share.samples || d + lane >= params.depth) {
    return;
  }
  let volume = params.height * params.width * params.depth;
  let to = params.share.y_base + (n * params.share.y_channels + output) * volume + (h * params.width + w) * params.depth + d + lane;
  let channels = count_left(output, params.share.outputs);
  let rows = params.height - h;
  #repeat o: 0..8
  if (channels > $o) {
    let values = invert_vec4f(sums$o[0], sums$o[1], sums$o[2], sums$o[3], sums$o[4], sums$o[5]);
    store_channel(to + $o * volume, vec2u(rows, params.width - w), starts[$o], values);
  }
  #end
}

fn both(low: vec4f, high: vec4f) -> array<f32, 8> {
  return array<f32, 8>(low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w);
}

fn index_of_segment(at: Invocation) -> u32 {
  return folded_index(at) / ${LANES}u;
}

// Workgroups are (segments folded into x and z, blocks of eight outputs in y).
@compute @workgroup_size(WORKGROUP)
fn forward(at: Invocation) {
  let output = at.group.y * 8u;
  convolve(index_of_segment(at), at.local % ${LANES}u, output, both(bias_of(output), bias_of(output + 4u)));
}

// Without a bias: further slabs of input channels, and the backward-data pass.
@compute @workgroup_size(WORKGROUP)
fn add(at: Invocation) {
  convolve(index_of_segment(at), at.local % ${LANES}u, at.group.y * 8u, array<f32, 8>());
}

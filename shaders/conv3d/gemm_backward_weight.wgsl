// d(weight) of the 3x3x3 convolution, stride 1, as an implicit matrix product for GPUs: sums over a chunk of voxels, all of them or the
// first of two stages. A workgroup takes INPUTS channels of x and OUTPUTS of dy through the tiles of its chunk. Of each tile it
// stages the halo bricks of x and the gradients, zero-padded, while the next tile is loaded from memory.
// An invocation sums the nine taps (kh, kw) of one kd, one input channel and EACH outputs. For 8 outputs, 6 vec4 of the brick and 8 of
// gradients feed 288 multiply-adds per step of four voxels.
#import lib/conv3d/gemm_weight_stage
#import lib/conv3d/gradient
#import lib/conv3d/taps

// Of the first four outputs and, if an invocation has eight, of the last four.
struct Sums {
  low: Plane,
  high: Plane,
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

// Adds the staged tile to an invocation's sums, row by row along W.
fn add_tile(before: Sums, local: u32) -> Sums {
  let input = local / 3u % INPUTS;
  let quad = local / (INPUTS * 3u) * (EACH / 4u);
  var sums = before;
  for (var line = 0u; line < TILE_H * TILE_D; line++) {
    let h = line / TILE_D;
    let d = line % TILE_D;
    for (var w = 0u; w < TILE_W; w += 4u) {
      let at = input * CHANNEL + h * AREA + (d + local % 3u) * ROW + w / 4u;
      let gradient_at = ((h * TILE_W + w) * TILE_D + d) * (QUADS + 1u) + quad;
      let low = read_gradients(gradient_at);
      #repeat h: 0..3
      let row$h = read_row(at + $h * AREA);
      sums.low.h$h = add_voxels(sums.low.h$h, row$h, low);
      #end
      if (EACH > 4u) {
        let high = read_gradients(gradient_at + 1u);
        #repeat h: 0..3
        sums.high.h$h = add_voxels(sums.high.h$h, row$h, high);
        #end
      }
    }
  }
  return sums;
}

fn store_tap(id: vec3u, local: u32, first: u32, tap: u32, sums: vec4f) {
  let input = id.x * INPUTS + local / 3u % INPUTS;
  let output = id.y * OUTPUTS + local / (INPUTS * 3u) * EACH + first;
  if (input >= params.inputs) {
    return;
  }
  let at = params.base + id.z * params.chunk_stride + output * params.row_stride + input * 27u + tap * 3u + local % 3u;
  store_four(at, params.row_stride, count_left(output, params.outputs), sums);
}

// Workgroups are (blocks of inputs, blocks of outputs, chunks).
@compute @workgroup_size(THREADS) $SUBGROUP
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
      sums = add_tile(sums, local); // the previous tile
    }
    workgroupBarrier();
    put(staged, local);
    workgroupBarrier();
  }
  #repeat h: 0..3
  #repeat w: 0..3
  store_tap(id, local, 0u, $h * 3 + $w, sums.low.h$h.w$w);
  if (EACH > 4u) {
    store_tap(id, local, 4u, $h * 3 + $w, sums.high.h$h.w$w);
  }
  #end
  #end
}

// Convolution with stride 1 as a matrix product on subgroup matrices, without im2col: voxels × input channels times input channels ×
// output channels, tap by tap, K input channels at a time. With packed weights whose channels are exchanged and whose taps are
// flipped (conv3d/matrix_pack) it is its own backward-data pass.
//
// A workgroup computes 16 runs of voxels. For every K input channels it fills the brick once and reads it for all taps; weights come
// from the packed buffer, where every matrix is contiguous, as f16. A subgroup keeps TILE_ROWS × TILE_COLUMNS matrices of f32 sums over
// the whole loop. COLUMNS of the 8 subgroups are arranged along output channels.
#import lib/conv3d/output
#import lib/conv3d/matrix_brick EDGE=${EDGE} INVOCATIONS=${INVOCATIONS} POSITIONS=${POSITIONS} PITCH=${PITCH}
#import lib/conv3d/matrix_lane

override COLUMNS: u32 = 2u;
override TILE_ROWS: u32 = 4u;
override TILE_COLUMNS: u32 = 2u;

const SUBGROUPS = 8u;
const MOST_ROWS = 4u; // the greatest TILE_ROWS
const MOST_COLUMNS = 2u; // the greatest TILE_COLUMNS, and the greatest COLUMNS

@group(0) @binding(3) var<storage, read> packed: array<f16>; // (slices, taps, matrices of outputs, N, K)
@group(0) @binding(4) var<storage, read> bias: array<f32>; // (O)

var<workgroup> results: array<f32, SUBGROUPS * M * N>; // a matrix of each subgroup, by output channel
var<workgroup> start: array<f32, MOST_COLUMNS * MOST_COLUMNS * N>; // initial sum of each output channel

// Output channels of a workgroup.
fn panel_outputs() -> u32 {
  return COLUMNS * TILE_COLUMNS * N;
}

fn set_start(panel: u32, local: u32) {
  let output = panel * panel_outputs() + local;
  if (local < panel_outputs() && output < params.outputs) {
    start[local] = bias[output];
  }
}

// Writes the voxels of a subgroup's matrix in `results`.
fn store_results(tile: Tile, run: u32, panel: u32, column: u32, at: Lane) {
  for (var element = at.lane; element < M * N; element += at.lanes) {
    let voxel = voxel_of(tile, run, element % M);
    let within = column * N + element / M;
    let output = panel * panel_outputs() + within;
    if (voxel.there && output < params.outputs) {
      let plane = tile.sample * params.y_channels + output;
      store(params.y_base + plane * voxels() + voxel.index, results[at.subgroup * M * N + element] + start[within]);
    }
  }
}

fn convolve(at: Lane) {
  let index = at.id.z * at.count.x + at.id.x;
  let panel = at.id.y;
  let subgroup = at.subgroup;
  let tile = tile_of(min(index, params.all_tiles - 1u));
  let corner = tile.first - vec3u(SIZE / 2u);
  let first_run = subgroup / COLUMNS * TILE_ROWS;
  let first_column = subgroup % COLUMNS * TILE_COLUMNS;
  let runs = vec4u(run_start(first_run), run_start(first_run + 1u), run_start(first_run + 2u), run_start(first_run + 3u));
  var sums: array<array<Result, MOST_COLUMNS>, MOST_ROWS>;
  var matrix = (panel * COLUMNS * TILE_COLUMNS + first_column) * K * N;
  for (var channel = 0u; channel < params.inputs; channel += K) {
    workgroupBarrier();
    fill_brick(tile.sample, corner, channel, K, at.local);
    workgroupBarrier();
    for (var tap = 0u; tap < SIZE * SIZE * SIZE; tap++) {
      let shift = tap / (SIZE * SIZE) * params.plane + tap / SIZE % SIZE * params.pitch + tap % SIZE;
      var weights: array<Right, MOST_COLUMNS>;
      for (var j = 0u; j < MOST_COLUMNS; j++) {
        if (j < TILE_COLUMNS) {
          weights[j] = subgroupMatrixLoad<Right, col_major>(&packed, matrix + j * K * N, K);
        }
      }
      for (var i = 0u; i < MOST_ROWS; i++) {
        if (i < TILE_ROWS) {
          let values = subgroupMatrixLoad<Left, row_major>(&brick, (runs[i] + shift) * PITCH, PITCH);
          for (var j = 0u; j < MOST_COLUMNS; j++) {
            if (j < TILE_COLUMNS) {
              sums[i][j] = subgroupMatrixMultiplyAccumulate(values, weights[j], sums[i][j]);
            }
          }
        }
      }
      matrix += at.count.y * COLUMNS * TILE_COLUMNS * K * N;
    }
  }
  // This loop need not be unrolled, unlike those that index matrices; unrolling would only lengthen the shader.
  for (var which = 0u; which < TILE_ROWS * TILE_COLUMNS; which++) {
    workgroupBarrier();
    for (var i = 0u; i < MOST_ROWS; i++) {
      for (var j = 0u; j < MOST_COLUMNS; j++) {
        if (j < TILE_COLUMNS && which == i * TILE_COLUMNS + j) {
          subgroupMatrixStore<col_major>(&results, subgroup * M * N, sums[i][j], M);
        }
      }
    }
    workgroupBarrier();
    if (index < params.all_tiles) {
      store_results(tile, first_run + which / TILE_COLUMNS, panel, first_column + which % TILE_COLUMNS, at);
    }
  }
}

@compute @workgroup_size(INVOCATIONS) $SUBGROUP
fn forward(at: Lane) {
  set_start(at.id.y, at.local);
  convolve(at);
}

// Without a bias: the backward-data pass.
@compute @workgroup_size(INVOCATIONS) $SUBGROUP
fn backward(at: Lane) {
  convolve(at);
}

// The weights' gradient of a convolution with stride 1 as a matrix product on subgroup matrices: output channels × voxels times voxels
// × input channels, for every tap.
//
// A workgroup takes one plane of taps along H, ROWS · COLUMNS matrices of channel pairs and every chunk-th tile. For each tile it fills
// the brick with the input and `slopes` with the output gradient, zero where a run has no voxel. A subgroup keeps the f32 sums of the
// plane's taps for one matrix. With fewer matrices than subgroups, several share one and take the tile's runs in turn. At the end their
// sums are added in order and written as this chunk's partial sums. Nothing is rounded to f16 after the product.
#import lib/conv3d/gradient
#import lib/conv3d/matrix_brick EDGE=${EDGE} INVOCATIONS=${INVOCATIONS} POSITIONS=${POSITIONS} PITCH=${PITCH}

override ROWS: u32 = 4u; // matrices along output channels
override COLUMNS: u32 = 2u; // matrices along input channels

const SUBGROUPS = 8u;
const MOST_ROWS = 4u;
const RUNS = 8u; // of a tile, at most
const TAPS = 9u; // of a plane, at most
const SLOPES_PITCH = RUNS * RUN + 8u; // 8 more, so that rows start in different banks

@group(0) @binding(3) var<storage, read> dy: array<Activation>; // (N, y channels, H, W, D)

var<workgroup> slopes: array<f16, MOST_ROWS * M * SLOPES_PITCH>;
var<workgroup> results: array<f32, SUBGROUPS * M * N>;

fn load_slope(sample: u32, output: u32, voxel: u32) -> f32 {
  if (output < params.outputs) {
    return f32(dy[params.y_base + (sample * params.y_channels + output) * voxels() + voxel]);
  }
  return 0.0;
}

// An invocation takes 8 channels of a voxel.
fn fill_slopes(tile: Tile, first_output: u32, local: u32) {
  for (var item = local; item < RUNS * RUN * (ROWS * M / 8u); item += INVOCATIONS) {
    let place = item % (RUNS * RUN);
    let row = item / (RUNS * RUN) * 8u;
    let voxel = voxel_of(tile, place / RUN, place % RUN);
    for (var i = 0u; i < 8u; i++) {
      var value = 0.0;
      if (voxel.there) {
        value = load_slope(tile.sample, first_output + row + i, voxel.index);
      }
      slopes[(row + i) * SLOPES_PITCH + place] = f16(value);
    }
  }
}

// Adds the subgroups' `results` for one tap and writes the sum.
fn store_results(tap: u32, first_output: u32, first_input: u32, chunk: u32, local: u32) {
  let pairs = ROWS * COLUMNS * M * N;
  for (var pair = local; pair < pairs; pair += INVOCATIONS) {
    var sum = 0.0;
    for (var other = pair; other < SUBGROUPS * M * N; other += pairs) {
      sum += results[other];
    }
    let matrix = pair / (M * N);
    let output = first_output + matrix / COLUMNS * M + pair / N % M;
    let input = first_input + matrix % COLUMNS * N + pair % N;
    if (output < params.outputs && input < params.inputs) {
      store(((chunk * params.outputs + output) * params.inputs + input) * SIZE * SIZE * SIZE + tap, sum);
    }
  }
}

// Workgroups are (planes of taps and, slower, columns of matrices; rows of matrices; chunks).
@compute @workgroup_size(INVOCATIONS) $SUBGROUP
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) count: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup: u32,
) {
  let plane = id.x % SIZE;
  let first_input = id.x / SIZE * COLUMNS * N;
  let first_output = id.y * ROWS * M;
  let matrix = subgroup % (ROWS * COLUMNS);
  let slopes_at = matrix / COLUMNS * M * SLOPES_PITCH;
  let inputs_at = matrix % COLUMNS * N;
  // Written out tap by tap: compilers leave loops with barriers as they are, and an array that a loop indexes is not in registers.
  var sums: array<Result, TAPS>;
  for (var index = id.z; index < params.all_tiles; index += count.z) {
    let tile = tile_of(index);
    workgroupBarrier();
    fill_brick(tile.sample, tile.first + vec3u(plane, 0u, 0u) - vec3u(SIZE / 2u), first_input, COLUMNS * N, local);
    fill_slopes(tile, first_output, local);
    workgroupBarrier();
    for (var run = subgroup / (ROWS * COLUMNS); run < RUNS; run += SUBGROUPS / (ROWS * COLUMNS)) {
      let start = run_start(run);
      let left = subgroupMatrixLoad<Left, row_major>(&slopes, slopes_at + run * RUN, SLOPES_PITCH);
      #repeat tap: 0..9
      if ($tap < SIZE * SIZE) {
        let position = start + $tap / SIZE * params.pitch + $tap % SIZE;
        let right = subgroupMatrixLoad<Right, row_major>(&brick, position * PITCH + inputs_at, PITCH);
        sums[$tap] = subgroupMatrixMultiplyAccumulate(left, right, sums[$tap]);
      }
      #end
    }
  }
  #repeat tap: 0..9
  if ($tap < SIZE * SIZE) {
    workgroupBarrier();
    subgroupMatrixStore<row_major>(&results, subgroup * M * N, sums[$tap], N);
    workgroupBarrier();
    store_results(plane * SIZE * SIZE + $tap, first_output, first_input, id.z, local);
  }
  #end
}

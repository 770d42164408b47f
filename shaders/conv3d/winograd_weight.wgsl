// Winograd F(2x2x2, 3x3x3), weights: w → U = G w along each axis, 27 taps → 64 frequencies.
//   G = 1    0    0
//       1/2  1/2  1/2
//       1/2 −1/2  1/2
//       0    0    1
// An invocation transforms the taps of one pair of channels. U lies in blocks of sixteen rows, (64 frequencies, rows / 16, columns,
// 16), rows past the last zeros. Rows and columns and FLIP are those of pack.wgsl.
#import lib/grid

override FLIP: bool = false;

struct Params {
  rows: u32,
  columns: u32,
  base: u32, // element of row 0, column 0, tap 0 in the bound window
  row_stride: u32, // elements
  column_stride: u32, // elements
}

@group(0) @binding(0) var<storage, read> weight: array<f32>; // (O, I, 3, 3, 3)
@group(0) @binding(1) var<storage, read_write> u: array<f32>; // (64, rows / 16, columns, 16)
@group(0) @binding(2) var<uniform> params: Params;

fn tap(at: u32, k: u32) -> f32 {
  return weight[at + select(k, 26u - k, FLIP)];
}

fn transform_line(a: f32, b: f32, c: f32) -> vec4f {
  return vec4f(a, 0.5 * (a + b + c), 0.5 * (a - b + c), c);
}

// One (W, D) plane of taps, transformed along both axes.
fn load_plane(at: u32, k: u32) -> mat4x4f {
  let a = transform_line(tap(at, k), tap(at, k + 1u), tap(at, k + 2u));
  let b = transform_line(tap(at, k + 3u), tap(at, k + 4u), tap(at, k + 5u));
  let c = transform_line(tap(at, k + 6u), tap(at, k + 7u), tap(at, k + 8u));
  return mat4x4f(a, 0.5 * (a + b + c), 0.5 * (a - b + c), c);
}

fn store_line(at: u32, step: u32, a: vec4f) {
  u[at] = a.x;
  u[at + step] = a.y;
  u[at + 2u * step] = a.z;
  u[at + 3u * step] = a.w;
}

fn store_plane(at: u32, step: u32, plane: mat4x4f) {
  store_line(at, step, plane[0]);
  store_line(at + 4u * step, step, plane[1]);
  store_line(at + 8u * step, step, plane[2]);
  store_line(at + 12u * step, step, plane[3]);
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) count: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = linear_index(id, count, local, 16u);
  let blocks = (params.rows + 15u) / 16u;
  let row = index / (params.columns * 16u) * 16u + index % 16u;
  let step = blocks * params.columns * 16u; // of a frequency
  if (index >= step) {
    return;
  }
  if (row >= params.rows) {
    for (var frequency = 0u; frequency < 64u; frequency++) {
      u[index + frequency * step] = 0.0;
    }
    return;
  }
  let at = params.base + row * params.row_stride + index / 16u % params.columns * params.column_stride;
  let a = load_plane(at, 0u);
  let b = load_plane(at, 9u);
  let c = load_plane(at, 18u);
  store_plane(index, step, a);
  store_plane(index + 16u * step, step, 0.5 * (a + b + c));
  store_plane(index + 32u * step, step, 0.5 * (a - b + c));
  store_plane(index + 48u * step, step, c);
}

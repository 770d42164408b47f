import type { ImageSize } from './dataset.ts'
import type { NumericArray } from './hdf5_file.ts'

/** For every output position along one axis: the two input positions around it and the share of the second. */
interface Taps {
  low: Int32Array
  high: Int32Array
  share: Float64Array
}

/**
 * Where output position i lies in the input: (i + ½)·from/to − ½, the voxel grids covering the same field of view
 * (PyTorch's interpolate with align_corners=False); beyond the border the border voxel counts.
 */
function tapsOf(from: number, to: number): Taps {
  const taps = { low: new Int32Array(to), high: new Int32Array(to), share: new Float64Array(to) }
  for (let i = 0; i < to; i++) {
    const position = Math.max(0, ((i + 0.5) * from) / to - 0.5)
    const low = Math.min(Math.floor(position), from - 1)
    taps.low[i] = low
    taps.high[i] = Math.min(low + 1, from - 1)
    taps.share[i] = position - low
  }
  return taps
}

/** For every output position along one axis the input voxel whose centre is nearest on the same field of view. */
export function nearestOf(from: number, to: number): Int32Array {
  return Int32Array.from({ length: to }, (_, i) => Math.min(Math.floor(((i + 0.5) * from) / to), from - 1))
}

/** Trilinear resampling of one channel, `source` (from) into `target` (to), D fastest. */
export function resampleImage(source: NumericArray, from: ImageSize, to: ImageSize, target: Float32Array): void {
  const [rows, columns, slices] = [tapsOf(from[0], to[0]), tapsOf(from[1], to[1]), tapsOf(from[2], to[2])]
  const line = new Float64Array(from[2]) // the four input lines around an output line, blended
  let at = 0
  for (let h = 0; h < to[0]; h++)
    for (let w = 0; w < to[1]; w++) {
      blendLines(source, from, rows, h, columns, w, line)
      for (let d = 0; d < to[2]; d++) {
        const low = line[slices.low[d]!]!
        target[at++] = low + (line[slices.high[d]!]! - low) * slices.share[d]!
      }
    }
}

function blendLines(
  source: NumericArray,
  [, width, depth]: ImageSize,
  rows: Taps,
  h: number,
  columns: Taps,
  w: number,
  line: Float64Array,
): void {
  const start = (row: number, column: number): number => (row * width + column) * depth
  const a = start(rows.low[h]!, columns.low[w]!)
  const b = start(rows.low[h]!, columns.high[w]!)
  const c = start(rows.high[h]!, columns.low[w]!)
  const d = start(rows.high[h]!, columns.high[w]!)
  const [row, column] = [rows.share[h]!, columns.share[w]!]
  for (let i = 0; i < depth; i++) {
    const upper = source[a + i]! * (1 - column) + source[b + i]! * column
    const lower = source[c + i]! * (1 - column) + source[d + i]! * column
    line[i] = upper * (1 - row) + lower * row
  }
}

/** Nearest-neighbour resampling of labels, `source` (from) into `target` (to), D fastest. */
export function resampleLabels(source: NumericArray, from: ImageSize, to: ImageSize, target: NumericArray): void {
  const [rows, columns, slices] = [nearestOf(from[0], to[0]), nearestOf(from[1], to[1]), nearestOf(from[2], to[2])]
  let at = 0
  for (const row of rows)
    for (const column of columns) {
      const start = (row * from[1] + column) * from[2]
      for (const slice of slices) target[at++] = source[start + slice]!
    }
}

import type { ImageSize } from '../../util/shape.ts'
import { sizeOf } from '../../util/shape.ts'

/** Values on a grid (H, W, D), D fastest. */
export type Grid = Float64Array

/**
 * Gaussian blur in place, like scipy.ndimage.gaussian_filter: kernel truncated at 4 standard deviations, borders mirrored
 * with the border voxel repeated ("reflect").
 */
export function blur(grid: Grid, size: ImageSize, deviation: number): void {
  const radius = Math.floor(4 * deviation + 0.5)
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-0.5 * ((i - radius) / deviation) ** 2),
  )
  const sum = kernel.reduce((total, weight) => total + weight, 0)
  const weights = kernel.map(weight => weight / sum)
  for (const axis of [0, 1, 2]) {
    const length = size[axis]!
    const padded = new Float64Array(length + 2 * radius)
    const line = new Float64Array(length)
    const places = Int32Array.from(padded, (_, i) => reflect(i - radius, length))
    forEachLine(size, axis, (start, stride) => {
      for (let i = 0; i < padded.length; i++) padded[i] = grid[start + places[i]! * stride]!
      for (let i = 0; i < length; i++) {
        let value = 0
        for (let k = 0; k < weights.length; k++) value += weights[k]! * padded[i + k]!
        line[i] = value
      }
      for (let i = 0; i < length; i++) grid[start + i * stride] = line[i]!
    })
  }
}

/** Calls `visit` with the first index and the stride of every line along `axis`. */
function forEachLine(size: ImageSize, axis: number, visit: (start: number, stride: number) => void): void {
  const stride = sizeOf(size.slice(axis + 1))
  const block = stride * size[axis]!
  const total = sizeOf(size)
  for (let outer = 0; outer < total; outer += block)
    for (let inner = 0; inner < stride; inner++) visit(outer + inner, stride)
}

/** … 1 0 | 0 1 2 … n−1 | n−1 n−2 … */
function reflect(index: number, length: number): number {
  const period = 2 * length
  const place = ((index % period) + period) % period
  return place < length ? place : period - 1 - place
}

/** … 2 1 | 0 1 2 … n−1 | n−2 … */
function mirror(index: number, length: number): number {
  if (length === 1) return 0
  const period = 2 * length - 2
  const place = ((index % period) + period) % period
  return place < length ? place : period - place
}

/**
 * Cubic spline interpolation from a coarse grid to a finer one, like scipy.ndimage.zoom with order 3: the corner voxels of
 * both grids coincide. Computes only the part [low, high) of the fine grid.
 */
export function zoom(coarse: Grid, from: ImageSize, to: ImageSize, low: ImageSize, high: ImageSize): Grid {
  let values = coarse
  const size: ImageSize = [...from]
  for (const axis of [0, 1, 2]) {
    values = zoomAxis(values, size, axis, to[axis]!, low[axis]!, high[axis]!)
    size[axis] = high[axis]! - low[axis]!
  }
  return values
}

function zoomAxis(source: Grid, size: ImageSize, axis: number, to: number, low: number, high: number): Grid {
  const from = size[axis]!
  const result: ImageSize = [...size]
  result[axis] = high - low
  const target = new Float64Array(sizeOf(result))
  const starts: number[] = []
  forEachLine(result, axis, start => starts.push(start))
  const targetStride = sizeOf(result.slice(axis + 1))
  const line = new Float64Array(from)
  const taps = splineTaps(from, to, low, high)
  let nth = 0 // both grids visit lines in the same order
  forEachLine(size, axis, (start, stride) => {
    for (let i = 0; i < from; i++) line[i] = source[start + i * stride]!
    splineCoefficients(line)
    let tap = 0
    for (let i = starts[nth++]!, left = high - low; left > 0; left--, i += targetStride) {
      let value = 0
      for (let k = 0; k < 4; k++, tap++) value += taps.weights[tap]! * line[taps.indices[tap]!]!
      target[i] = value
    }
  })
  return target
}

/** For each fine position in [low, high): the four surrounding coefficients and their cubic B-spline weights. */
function splineTaps(from: number, to: number, low: number, high: number) {
  const indices: number[] = []
  const weights: number[] = []
  for (let i = low; i < high; i++) {
    const position = (i * (from - 1)) / (to - 1)
    const cell = Math.floor(position)
    const t = position - cell
    const s = 1 - t
    weights.push(s ** 3 / 6, (4 - 6 * t ** 2 + 3 * t ** 3) / 6, (4 - 6 * s ** 2 + 3 * s ** 3) / 6, t ** 3 / 6)
    for (let k = -1; k <= 2; k++) indices.push(mirror(cell + k, from))
  }
  return { indices: Int32Array.from(indices), weights: Float64Array.from(weights) }
}

/** Converts samples to cubic B-spline coefficients, mirrored at the borders (Unser 1999, box 2). */
function splineCoefficients(line: Float64Array): void {
  const length = line.length
  if (length === 1) return
  const pole = Math.sqrt(3) - 2
  const last = pole ** (length - 1)
  let first = line[0]! + last * line[length - 1]!
  for (let i = 1; i < length - 1; i++) first += pole ** i * (line[i]! + last * line[length - 1 - i]!)
  line[0] = first / (1 - last * last)
  for (let i = 1; i < length; i++) line[i]! += pole * line[i - 1]!
  line[length - 1] = ((pole * line[length - 2]! + line[length - 1]!) * pole) / (pole * pole - 1)
  for (let i = length - 2; i >= 0; i--) line[i] = pole * (line[i + 1]! - line[i]!)
  for (let i = 0; i < length; i++) line[i]! *= 6
}

import { uniform01, type Words } from '../src/util/random.ts'

/** What the cases of `augment` hold the kernels to beside flip, rotation, noise and scale: the obvious loops in float64. */

export type Vector = [number, number, number]
type Size = readonly [number, number, number]

/** The words of a block of an operation, for one sample. */
export type Drawing = (operation: number, block: number) => Words

/** Whether an operation changes the sample: word 0 of block 0. */
export function happens(words: Drawing, operation: number, probability: number): boolean {
  return uniform01(words(operation, 0)[0]) < probability
}

export function between([low, high]: readonly [number, number], word: number): number {
  return low + (high - low) * uniform01(word)
}

/** The cubic B-spline with knots at whole numbers, centred at 0. */
function basis(t: number): number {
  const x = Math.abs(t)
  if (x >= 2) return 0
  return x >= 1 ? (2 - x) ** 3 / 6 : 2 / 3 - x * x + x ** 3 / 2
}

/**
 * Splines over control points drawn for `operation`, `spacing` voxels apart, at each voxel: one a number of a point. Point (i, j, k) lies at
 * (i − 1, j − 1, k − 1) spacings.
 */
export function splines(
  words: Drawing,
  { operation, size, spacing }: { operation: number; size: Size; spacing: Vector },
): (axes: Vector) => Vector {
  const counts = size.map((length, axis) => Math.floor(length / spacing[axis]!) + 4)
  const points = Array.from({ length: counts[0]! * counts[1]! * counts[2]! }, (_, i) =>
    words(operation, 1 + i).map(word => 2 * uniform01(word) - 1),
  )
  return axes => {
    const cell = axes.map((x, axis) => Math.floor(x / spacing[axis]!)) as Vector
    const weights = axes.map((x, axis) => [0, 1, 2, 3].map(i => basis(x / spacing[axis]! - (cell[axis]! + i - 1)))) as [
      number[],
      number[],
      number[],
    ]
    const sums: Vector = [0, 0, 0]
    for (let i = 0; i < 4; i++)
      for (let j = 0; j < 4; j++)
        for (let k = 0; k < 4; k++) {
          const point = points[((cell[0] + i) * counts[1]! + cell[1] + j) * counts[2]! + cell[2] + k]!
          const weight = weights[0][i]! * weights[1][j]! * weights[2][k]!
          for (let word = 0; word < 3; word++) sums[word]! += weight * point[word]!
        }
    return sums
  }
}

/** A line of voxels under a Gaussian that ends at four standard deviations; its last voxels go on beyond it. */
export function blurredLine(line: Float64Array, deviation: number): Float64Array {
  const radius = Math.floor(4 * deviation + 0.5)
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    i === radius ? 1 : Math.exp(-0.5 * ((i - radius) / deviation) ** 2),
  )
  const total = weights.reduce((a, b) => a + b)
  return line.map((_, at) => {
    const values = weights.map((weight, i) => weight * line[Math.min(line.length - 1, Math.max(0, at + i - radius))]!)
    return values.reduce((a, b) => a + b) / total
  })
}

/** A line of voxels averaged into about 1/factor as many that cover it, then interpolated between their centres. */
export function coarseLine(line: Float64Array, factor: number): Float64Array {
  const count = Math.max(1, Math.floor(line.length / factor + 0.5))
  const each = line.length / count
  const means = Array.from({ length: count }, (_, cell) => {
    const shares = [...line].map(
      (value, i) => value * Math.max(0, Math.min(i + 1, (cell + 1) * each) - Math.max(i, cell * each)),
    )
    return shares.reduce((a, b) => a + b) / each
  })
  return line.map((_, at) => {
    const place = Math.min(count - 1, Math.max(0, (at + 0.5) / each - 0.5))
    const low = Math.min(Math.floor(place), count - 1)
    return means[low]! + (place - low) * (means[Math.min(low + 1, count - 1)]! - means[low]!)
  })
}

/** Replaces every line of a volume (H, W, D) along an axis. */
export function alongAxis(
  volume: Float64Array,
  size: Size,
  axis: number,
  change: (line: Float64Array) => Float64Array,
): void {
  const stride = [size[1] * size[2], size[2], 1][axis]!
  const length = size[axis]!
  eachVoxel(size.map((n, other) => (other === axis ? 1 : n)) as Vector, ([h, w, d]) => {
    const first = (h * size[1] + w) * size[2] + d
    const line = change(Float64Array.from({ length }, (_, i) => volume[first + i * stride]!))
    line.forEach((value, i) => {
      volume[first + i * stride] = value
    })
  })
}

export function eachVoxel(size: readonly number[], visit: (axes: Vector, voxel: number) => void): void {
  const [height, width, depth] = size as Vector
  let voxel = 0
  for (let h = 0; h < height; h++)
    for (let w = 0; w < width; w++) for (let d = 0; d < depth; d++) visit([h, w, d], voxel++)
}

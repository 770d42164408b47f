import type { ImageSize } from '../../util/shape.ts'
import type { NumericArray } from '../hdf5/file.ts'

/** The position of a target's voxels along one axis of a source: the centre of voxel i is (i + ½)·step + start source voxels from the source's edge. */
export interface Placement {
  from: number // voxels of the source
  to: number // voxels of the target
  /** a fraction, so that the identity is exact */
  step: readonly [numerator: number, denominator: number]
  start: number
}

export type Placements = readonly [Placement, Placement, Placement]

/** A box of voxels: along each axis the first and the end (exclusive). */
export type Box = readonly [Span, Span, Span]
export type Span = readonly [first: number, end: number]

export function wholeOf(size: ImageSize): Box {
  return size.map(length => [0, length]) as unknown as Box
}

/** The voxels in both. */
export function intersection(a: Box, b: Box): Box {
  return a.map(([first, end], axis): Span => {
    const from = Math.max(first, b[axis]![0])
    return [from, Math.max(from, Math.min(end, b[axis]![1]))]
  }) as unknown as Box
}

/** For every target voxel, the consecutive source voxels that contribute to it; target voxels outside the source have none. */
interface Taps {
  first: Int32Array
  count: Int32Array
  weights: Float64Array // `most` per target voxel
  most: number
}

const EDGE = 1e-6 // voxels by which rounding may move a centre outside the source
const LARGEST_LINEAR_STEP = 2

/** Placements of two grids with the same field of view (PyTorch's interpolate with align_corners=False). */
function covering(from: ImageSize, to: ImageSize): Placements {
  return from.map((length, i) => ({ from: length, to: to[i]!, step: [length, to[i]!], start: 0 })) as never
}

/** The centre of target voxel i in source voxels from the source's edge; undefined outside the source. */
function centreOf({ from, step: [numerator, denominator], start }: Placement, i: number): number | undefined {
  const centre = ((i + 0.5) * numerator) / denominator + start
  return centre < -EDGE || centre > from + EDGE ? undefined : centre
}

/**
 * Steps of up to two voxels: linear interpolation between the two nearest centres, beyond the outermost centre the border voxel. Longer
 * steps: the mean over the target voxel, which prevents aliasing. At a step of two both are equal.
 */
function tapsOf(placement: Placement): Taps {
  const { from, to, step } = placement
  const length = step[0] / step[1]
  const most = length > LARGEST_LINEAR_STEP ? Math.ceil(length) + 1 : 2
  const taps = { first: new Int32Array(to), count: new Int32Array(to), weights: new Float64Array(to * most), most }
  for (let i = 0; i < to; i++) {
    const centre = centreOf(placement, i)
    if (centre === undefined) continue
    const [first, weights] = most > 2 ? meanAbout(centre, length, from) : linearAt(centre, from)
    taps.first[i] = first
    taps.count[i] = weights.length
    taps.weights.set(weights, i * most)
  }
  return taps
}

function linearAt(centre: number, from: number): [number, number[]] {
  const position = Math.min(Math.max(0, centre - 0.5), from - 1)
  const first = Math.floor(position)
  const share = position - first
  return [first, share === 0 ? [1] : [1 - share, share]]
}

function meanAbout(centre: number, length: number, from: number): [number, number[]] {
  const [low, high] = [Math.max(0, centre - length / 2), Math.min(from, centre + length / 2)]
  const first = Math.floor(low)
  const count = Math.ceil(high) - first
  const overlap = (voxel: number): number => Math.min(voxel + 1, high) - Math.max(voxel, low)
  return [first, Array.from({ length: count }, (_, t) => overlap(first + t) / (high - low))]
}

/** Resamples one channel trilinearly from `source` (size `from`) to `target` (size `to`) over the same field of view. D fastest. */
export function resampleImage(source: NumericArray, from: ImageSize, to: ImageSize, target: Float32Array): void {
  placeImage(source, covering(from, to), target)
}

/** Resamples one channel trilinearly to a grid placed on the source's, or to a `box` of that grid; 0 outside the source. D fastest. */
export function placeImage(
  source: NumericArray,
  placements: Placements,
  target: Float32Array,
  box: Box = wholeOf(placements.map(({ to }) => to) as ImageSize),
): void {
  const [rows, columns, slices] = placements.map(tapsOf) as [Taps, Taps, Taps]
  const [, across, along] = placements
  const line = new Float64Array(along.from) // weighted sum of the source lines around a target line
  let at = 0
  for (let h = box[0][0]; h < box[0][1]; h++)
    for (let w = box[1][0]; w < box[1][1]; w++) {
      blendLines(source, [across.from, along.from], [rows, h], [columns, w], line)
      for (let d = box[2][0]; d < box[2][1]; d++) {
        const [first, weights] = [slices.first[d]!, d * slices.most]
        let sum = 0
        for (let t = 0; t < slices.count[d]!; t++) sum += slices.weights[weights + t]! * line[first + t]!
        target[at++] = sum
      }
    }
}

/** The box of target voxels to which source voxels in `box` contribute. */
export function reachOf(placements: Placements, box: Box): Box {
  return placements.map((placement, axis): Span => {
    const { first, count } = tapsOf(placement)
    const [low, end] = box[axis]!
    const isReached = (i: number): boolean => count[i]! > 0 && first[i]! < end && first[i]! + count[i]! > low
    let from = 0
    while (from < placement.to && !isReached(from)) from++
    let to = from
    while (to < placement.to && isReached(to)) to++
    return [from, to]
  }) as unknown as Box
}

function blendLines(
  source: NumericArray,
  [width, depth]: readonly [number, number],
  [rows, h]: readonly [Taps, number],
  [columns, w]: readonly [Taps, number],
  line: Float64Array,
): void {
  line.fill(0)
  for (let r = 0; r < rows.count[h]!; r++)
    for (let c = 0; c < columns.count[w]!; c++) {
      const weight = rows.weights[h * rows.most + r]! * columns.weights[w * columns.most + c]!
      const start = ((rows.first[h]! + r) * width + columns.first[w]! + c) * depth
      for (let i = 0; i < depth; i++) line[i]! += weight * source[start + i]!
    }
}

/** Resamples labels (nearest-neighbour) from `source` (size `from`) to `target` (size `to`) over the same field of view. D fastest. */
export function resampleLabels(source: NumericArray, from: ImageSize, to: ImageSize, target: NumericArray): void {
  placeLabels(source, covering(from, to), target)
}

/** Resamples labels (nearest-neighbour) to a grid placed on the source's; 0 outside it. D fastest. */
export function placeLabels(source: NumericArray, placements: Placements, target: NumericArray): void {
  const [rows, columns, slices] = placements.map(nearestOf) as [Int32Array, Int32Array, Int32Array]
  const [, { from: width }, { from: depth }] = placements
  let at = 0
  for (const row of rows)
    for (const column of columns) {
      const start = row < 0 || column < 0 ? -1 : (row * width + column) * depth
      for (const slice of slices) target[at++] = start < 0 || slice < 0 ? 0 : source[start + slice]!
    }
}

/** For every target voxel, the source voxel that contains its centre; −1 outside the source. */
export function nearestOf(placement: Placement): Int32Array {
  return Int32Array.from({ length: placement.to }, (_, i) => {
    const centre = centreOf(placement, i)
    return centre === undefined ? -1 : Math.min(Math.max(0, Math.floor(centre)), placement.from - 1)
  })
}

import type { ImageSize } from '../../util/shape.ts'
import { sizeOf } from '../../util/shape.ts'
import type { NumericArray } from '../hdf5/file.ts'
import type { Affine } from './grid.ts'
import { stepsOf } from './spacing.ts'

/** The mapping of stored axes to right, anterior, superior: for each of these the stored axis and whether it is reversed. */
export interface Orientation {
  axes: [number, number, number]
  flipped: [boolean, boolean, boolean]
  /** The direction of each stored axis, e.g. "LSA": the first points left, the second superior, the third anterior. */
  code: string
}

const PERMUTATIONS: readonly [number, number, number][] = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
]

/** Assigns stored axes to world axes so that the sum of cosines between them is maximal. */
export function orientationOf(affine: Affine): Orientation {
  const lengths = stepsOf(affine)
  const cosine = (world: number, axis: number): number => affine[world]![axis]! / lengths[axis]!
  const agreement = (axes: number[]): number =>
    axes.reduce((sum, axis, world) => sum + Math.abs(cosine(world, axis)), 0)
  const axes = PERMUTATIONS.reduce((best, candidate) =>
    agreement(candidate) > agreement(best) + 1e-9 ? candidate : best,
  )
  const flipped = axes.map((axis, world) => cosine(world, axis) < 0) as [boolean, boolean, boolean]
  const letters = ['', '', '']
  for (const [world, axis] of axes.entries()) letters[axis] = (flipped[world] ? 'LPI' : 'RAS')[world]!
  return { axes: [...axes], flipped, code: letters.join('') }
}

/** Degrees between stored axes and the world axes that they follow, at most. */
export function obliquityOf(affine: Affine): number {
  const { axes } = orientationOf(affine)
  const steps = stepsOf(affine)
  const cosines = axes.map((axis, world) => Math.min(1, Math.abs(affine[world]![axis]!) / steps[axis]!))
  return (Math.acos(Math.min(...cosines)) * 180) / Math.PI
}

/** The affine of a grid after reorientation to right, anterior, superior. */
export function orientedAffine({ size, affine }: { size: ImageSize; affine: Affine }): Affine {
  const { axes, flipped } = orientationOf(affine)
  return affine.map(row => {
    const steps = axes.map((axis, world) => (flipped[world] ? -row[axis]! : row[axis]!))
    const toFirst = axes.map((axis, world) => (flipped[world] ? (size[axis]! - 1) * row[axis]! : 0))
    return [...steps, toFirst.reduce((sum, step) => sum + step, row[3]!)]
  }) as unknown as Affine
}

/** Index in the stored volume of voxel (h, w, d) of the reoriented one: start + h·steps[0] + w·steps[1] + d·steps[2]. */
export function strideOver(size: ImageSize, { axes, flipped }: Orientation) {
  const strides = [size[1] * size[2], size[2], 1]
  return {
    target: axes.map(axis => size[axis]!) as ImageSize,
    steps: axes.map((axis, world) => (flipped[world] ? -1 : 1) * strides[axis]!) as ImageSize,
    start: axes.reduce((sum, axis, world) => sum + (flipped[world] ? (size[axis]! - 1) * strides[axis]! : 0), 0),
  }
}

/** Reorients a volume of stored `size` to (right, anterior, superior). Returns it with its new size. */
export function reorient<T extends NumericArray>(
  values: T,
  size: ImageSize,
  orientation: Orientation,
): { values: T; size: ImageSize } {
  const { target, steps, start } = strideOver(size, orientation)
  const result = values.slice(0, sizeOf(size)) as T
  let at = 0
  for (let h = 0; h < target[0]; h++)
    for (let w = 0; w < target[1]; w++)
      for (let d = 0; d < target[2]; d++) result[at++] = values[start + h * steps[0] + w * steps[1] + d * steps[2]]!
  return { values: result, size: target }
}

/** The inverse: brings a volume in (right, anterior, superior) back to the stored grid `size`. */
export function restore<T extends NumericArray>(values: T, size: ImageSize, orientation: Orientation): T {
  const { target, steps, start } = strideOver(size, orientation)
  const result = values.slice(0, sizeOf(size)) as T
  let at = 0
  for (let h = 0; h < target[0]; h++)
    for (let w = 0; w < target[1]; w++)
      for (let d = 0; d < target[2]; d++) result[start + h * steps[0] + w * steps[1] + d * steps[2]] = values[at++]!
  return result
}

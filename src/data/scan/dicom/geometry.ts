import { basename } from 'node:path'
import { InputError } from '../../../util/error.ts'
import type { Affine } from '../grid.ts'
import { affineIn } from '../space.ts'
import type { DicomElements } from './elements.ts'
import type { DicomSlice } from './image.ts'
import { TAG } from './tags.ts'

/** Slices ordered along their normal, and the voxel grid that they form. */
export interface SliceStack {
  slices: DicomSlice[] // (K)
  /** from (column, row, slice) to millimetres right, anterior, superior */
  affine: Affine
  /** millimetres between slices, along the normal */
  distance: number
}

const SAME_DIRECTION = 1e-3 // of a cosine
const SAME_SPACING = 1e-3 // of the spacing
const UNEVEN = 0.05 // of the slice distance: tolerance of a slice's position; positions are often rounded to 0.1 mm

type Vector = readonly number[]

/**
 * Sorts the slices by position along the normal and checks that they are evenly spaced. A gantry tilt, which shifts every slice by the same
 * amount, becomes a shear of the affine. Throws InputError: single slice, duplicate or missing slices, uneven spacing.
 */
export function stackSlices(slices: readonly DicomSlice[], path: string): SliceStack {
  if (slices.length < 2)
    throw new InputError(`${path}: holds one slice, expected a volume (of a series in several files, name the folder)`)
  const { orientation, spacing } = slices[0]!
  for (const slice of slices) checkSameGrid(slice, slices[0]!)
  const [row, column] = [orientation.slice(0, 3), orientation.slice(3)]
  const normal = cross(row, column)
  const along = (slice: DicomSlice): number => dot(slice.position, normal)
  const ordered = [...slices].sort((a, b) => along(a) - along(b))
  checkDistances(ordered, along, path)
  const [first, last] = [ordered[0]!, ordered[ordered.length - 1]!]
  const step = last.position.map((value, axis) => (value - first.position[axis]!) / (ordered.length - 1))
  const distance = dot(step, normal)
  for (const [k, slice] of ordered.entries()) {
    const apart = slice.position.map((value, axis) => value - first.position[axis]! - k * step[axis]!)
    if (Math.hypot(...apart) > UNEVEN * distance)
      throw new InputError(
        `${nameOf(slice)}: is ${Math.hypot(...apart).toFixed(2)} mm off its position in an even stack of slices ${distance.toFixed(2)} mm apart`,
      )
  }
  const axes = [row.map(cosine => cosine * spacing[1]), column.map(cosine => cosine * spacing[0]), step]
  return { slices: ordered, affine: affineIn('LPS', axes, first.position), distance }
}

/** Whether two images state the same orientation and voxel spacing, or neither does. */
export function isSameGrid(image: DicomElements, other: DicomElements): boolean {
  const agree = (tag: number, differs: (a: number, b: number) => boolean): boolean => {
    const [own, others] = [image.numbers(tag), other.numbers(tag)]
    if (!own || !others) return own === others
    return own.length === others.length && !own.some((value, i) => differs(value, others[i]!))
  }
  return agree(TAG.ImageOrientationPatient, isTurned) && agree(TAG.PixelSpacing, isOfOtherSize)
}

function isTurned(cosine: number, other: number): boolean {
  return Math.abs(cosine - other) > SAME_DIRECTION
}

function isOfOtherSize(length: number, other: number): boolean {
  return Math.abs(length / other - 1) > SAME_SPACING
}

function checkSameGrid(slice: DicomSlice, first: DicomSlice): void {
  const turned = slice.orientation.some((cosine, i) => isTurned(cosine, first.orientation[i]!))
  if (turned) throw new InputError(`${nameOf(slice)}: has another orientation than ${nameOf(first)} (0020,0037)`)
  const other = slice.spacing.some((length, i) => isOfOtherSize(length, first.spacing[i]!))
  if (other)
    throw new InputError(
      `${nameOf(slice)}: has voxels of ${slice.spacing.join('×')} mm, ${nameOf(first)} of ${first.spacing.join('×')} mm`,
    )
}

function checkDistances(ordered: readonly DicomSlice[], along: (slice: DicomSlice) => number, path: string): void {
  const gaps = ordered.slice(1).map((slice, k) => along(slice) - along(ordered[k]!))
  const typical = [...gaps].sort((a, b) => a - b)[Math.floor(gaps.length / 2)]!
  for (const [k, gap] of gaps.entries()) {
    const between = `${nameOf(ordered[k]!)} and ${nameOf(ordered[k + 1]!)}`
    if (gap < 0.01 * typical || gap === 0)
      throw new InputError(
        `${path}: ${between} have the same position: a slice is duplicated, or the series holds several volumes`,
      )
    if (Math.abs(gap - typical) <= 2 * UNEVEN * typical) continue
    const missing = Math.round(gap / typical) - 1
    if (missing > 0 && Math.abs(gap / typical - missing - 1) <= 2 * UNEVEN)
      throw new InputError(
        `${path}: ${missing === 1 ? 'a slice is' : `${missing} slices are`} missing between ${between}`,
      )
    throw new InputError(`${path}: ${between} are ${gap.toFixed(2)} mm apart, others ${typical.toFixed(2)} mm`)
  }
}

function nameOf({ image, frame }: DicomSlice): string {
  return image.frames > 1 ? `${basename(image.file.path)} frame ${frame + 1}` : basename(image.file.path)
}

function dot(a: Vector, b: Vector): number {
  return a.reduce((sum, value, axis) => sum + value * b[axis]!, 0)
}

function cross([a, b, c]: Vector, [x, y, z]: Vector): number[] {
  return [b! * z! - c! * y!, c! * x! - a! * z!, a! * y! - b! * x!]
}

import { InputError } from '../../../util/error.ts'
import type { ImageSize } from '../../../util/shape.ts'
import { implausibleSize, timesText } from '../field_of_view.ts'
import type { Affine, NiftiGeometry } from '../grid.ts'
import { orientationOf } from '../orientation.ts'
import { determinantOf, isInvertible, stepsOf } from '../spacing.ts'

/** Where a NIfTI header places its voxels. */
export interface NiftiPlace {
  affine: Affine // in millimetres
  /** What the header leaves in doubt, and what was taken: each a sentence to follow the file's name. */
  warnings: string[]
}

type Method = 'sform' | 'qform'

/** Bits of xyzt_units with the unit of length; the others are the unit of time. */
const LENGTH_UNIT = 7
/** Factors to millimetres, as the fraction that rounds least. */
const UNITS: Readonly<Record<number, { name: string | null; times: number; over: number }>> = {
  0: { name: null, times: 1, over: 1 },
  1: { name: 'metre', times: 1000, over: 1 },
  2: { name: 'millimetre', times: 1, over: 1 },
  3: { name: 'micrometre', times: 1, over: 1000 },
}
const OTHER_DIRECTION = Math.cos(Math.PI / 4) // between the directions of an axis by sform and by qform
const OTHER_LENGTH = 0.01 // of a voxel
const LONG_QUATERNION = 1e-5 // float32 rounds to less

/**
 * The affine in millimetres: the sform if present, else the qform, else voxel sizes only (methods 3, 2 and 1 of nifti1.h). A form that is
 * present but cannot be inverted is passed over if the other can. Throws InputError with `path` if none can.
 */
export function placeOf(geometry: NiftiGeometry, size: ImageSize, path: string): NiftiPlace {
  const { sformCode, qformCode, sform } = geometry
  const stated: [Method, Affine][] = []
  if (sformCode > 0) stated.push(['sform', sform])
  if (qformCode > 0) stated.push(['qform', qformOf(geometry)])
  const usable = stated.filter(([, affine]) => isInvertible(affine))
  const [taken, other] = usable
  const passedOver = stated.find(each => !usable.includes(each))
  if (!taken && stated.length > 0)
    throw new InputError(`${path}: its affine (${stated.map(([name]) => name).join(' and ')}) is not invertible`)
  const affine = taken?.[1] ?? voxelSizesOnly(geometry, path)
  const unit = UNITS[geometry.units & LENGTH_UNIT]
  const { times, over } = unit ?? UNITS[0]!
  const inMillimetres = affine.map(row => row.map(value => (value * times) / over)) as unknown as Affine
  return {
    affine: inMillimetres,
    warnings: [
      ...(taken ? [] : [NO_CODES]),
      ...(passedOver ? [`its ${passedOver[0]} is not invertible: its ${taken![0]} is taken`] : []),
      ...(taken && other ? contradiction(taken[1], other[1]) : []),
      ...(taken?.[0] === 'sform' ? otherSizes(geometry, affine) : oddSigns(geometry, taken !== undefined)),
      ...(unit ? [] : [`its unit of length (xyzt_units ${geometry.units}) is unknown: millimetres are taken`]),
      ...implausibleSize(inMillimetres, size, unitOf(geometry)),
    ],
  }
}

const NO_CODES =
  'states no orientation (its sform_code and qform_code are 0): its axes are taken to point right, anterior and superior, so left and right may be swapped'

/** The unit of length that a header states; null if it states none or an unknown one. */
export function unitOf({ units }: NiftiGeometry): string | null {
  return UNITS[units & LENGTH_UNIT]?.name ?? null
}

/** Method 2 of nifti1.h. */
function qformOf({ pixdim, quaternion, offset }: NiftiGeometry): Affine {
  const [dx, dy, dz] = sizesOf(pixdim)
  const square = quaternion.reduce((sum, value) => sum + value * value, 0)
  const [b, c, d] = isLong(square) ? quaternion.map(value => value / Math.sqrt(square)) : quaternion
  const a = isLong(square) ? 0 : Math.sqrt(Math.max(0, 1 - square)) // rounding may make it slightly negative
  return rotation([a, b!, c!, d!], [dx, dy, pixdim[0]! < 0 ? -dz : dz], offset)
}

function isLong(square: number): boolean {
  return square > 1 + LONG_QUATERNION
}

function rotation(
  [a, b, c, d]: readonly [number, number, number, number],
  [dx, dy, dk]: readonly [number, number, number],
  offset: readonly [number, number, number],
): Affine {
  return [
    [(a * a + b * b - c * c - d * d) * dx, 2 * (b * c - a * d) * dy, 2 * (b * d + a * c) * dk, offset[0]],
    [2 * (b * c + a * d) * dx, (a * a + c * c - b * b - d * d) * dy, 2 * (c * d - a * b) * dk, offset[1]],
    [2 * (b * d - a * c) * dx, 2 * (c * d + a * b) * dy, (a * a + d * d - b * b - c * c) * dk, offset[2]],
  ]
}

function voxelSizesOnly({ pixdim }: NiftiGeometry, path: string): Affine {
  const [dx, dy, dz] = sizesOf(pixdim)
  const affine: Affine = [
    [dx, 0, 0, 0],
    [0, dy, 0, 0],
    [0, 0, dz, 0],
  ]
  if (!isInvertible(affine))
    throw new InputError(`${path}: its voxel sizes (pixdim) are ${[dx, dy, dz].join('×')}, expected numbers above 0`)
  return affine
}

/** Without the signs, which have no meaning in a voxel size. */
function sizesOf(pixdim: readonly number[]): [number, number, number] {
  return [1, 2, 3].map(axis => Math.abs(pixdim[axis]!)) as [number, number, number]
}

/** Warns if an axis points elsewhere by the qform than by the sform. Their angles may differ: one of them is often that of an atlas. */
function contradiction(sform: Affine, qform: Affine): string[] {
  const [steps, others] = [stepsOf(sform), stepsOf(qform)]
  const cosine = (axis: number): number =>
    sform.reduce((sum, row, r) => sum + row[axis]! * qform[r]![axis]!, 0) / (steps[axis]! * others[axis]!)
  const isMirrored = determinantOf(sform) > 0 !== determinantOf(qform) > 0
  if (!isMirrored && [0, 1, 2].every(axis => cosine(axis) > OTHER_DIRECTION)) return []
  const [own, other] = [orientationOf(sform).code, orientationOf(qform).code]
  const sides = (code: string): string => code.replace(/[^LR]/g, '.')
  const doubt = isMirrored || sides(own) !== sides(other) ? 'left and right are' : 'its orientation is'
  return [`its axes point ${own} by its sform, ${other} by its qform: the sform is taken, but ${doubt} in doubt`]
}

function otherSizes({ pixdim }: NiftiGeometry, sform: Affine): string[] {
  const [steps, sizes] = [stepsOf(sform), sizesOf(pixdim)]
  const differs = (size: number, axis: number): boolean => size > 0 && Math.abs(size / steps[axis]! - 1) > OTHER_LENGTH
  if (!sizes.some(differs)) return []
  return [
    `its voxels are ${timesText(sizes)} by its pixdim, ${timesText(steps)} by its sform: those of the sform are taken`,
  ]
}

/** Warns of values that only the other two methods use. */
function oddSigns({ pixdim, quaternion }: NiftiGeometry, isQform: boolean): string[] {
  const square = quaternion.reduce((sum, value) => sum + value * value, 0)
  const warnings: string[] = []
  if (pixdim.slice(1).some(size => size < 0))
    warnings.push(`has negative voxel sizes (pixdim ${timesText(pixdim.slice(1))}): their signs are ignored`)
  if (isQform && ![-1, 0, 1].includes(pixdim[0]!))
    warnings.push(
      `its pixdim[0], the handedness of its qform, is ${pixdim[0]}, expected 1 or -1: ${pixdim[0]! < 0 ? -1 : 1} is taken`,
    )
  if (isQform && isLong(square)) warnings.push('the quaternion of its qform is longer than 1: it is shortened')
  return warnings
}

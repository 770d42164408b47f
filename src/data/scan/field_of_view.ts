import type { ImageSize } from '../../util/shape.ts'
import type { Affine } from './grid.ts'
import { stepsOf } from './spacing.ts'

const LONGEST = 3000 // mm: no scanner has a larger field of view
const SHORTEST = 1 // mm

/** Warns of a field of view that no scanner has. `unit` is what the header states, null if it states none. */
export function implausibleSize(affine: Affine, size: ImageSize, unit: string | null): string[] {
  const field = stepsOf(affine).map((step, axis) => step * size[axis]!)
  if (field.every(length => length >= SHORTEST && length <= LONGEST)) return []
  return [`its field of view is ${timesText(field)} mm: is its unit of length (${unit ?? 'not stated'}) right?`]
}

export function timesText(numbers: readonly number[]): string {
  return numbers.map(number => Number(number.toPrecision(5))).join('×')
}

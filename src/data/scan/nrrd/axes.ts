import { InputError } from '../../../util/error.ts'
import type { ImageSize } from '../../../util/shape.ts'
import { type HeaderFields, wordsOf } from '../volume/text_header.ts'

/** The axes of an NRRD file, fastest first. */
export interface NrrdAxes {
  rank: number
  size: ImageSize
  /** the three axes in space */
  spatial: readonly number[]
  channels: number
  /** how many axes in space are faster than the channel */
  channelAxis: number
  /** the vectors of the three axes; undefined if the header states none */
  directions: number[][] | undefined
}

export const IN_SPACE_OR_TIME = [3, 4] // numbers in a vector
const MOST_AXES = 16 // of any NRRD file
/** Kinds of axes that may be in space; those that no one stated, too. */
const IN_SPACE: ReadonlySet<string | undefined> = new Set([undefined, 'domain', 'space', '???', 'none'])

/**
 * Three axes in space, and one more for channels at most: the axes with a direction; without directions, those whose kind does not say otherwise
 * and that have a spacing, of which a fourth is channels. Throws InputError.
 */
export function axesOf(fields: HeaderFields, path: string): NrrdAxes {
  fields.required('dimension')
  const rank = fields.integer('dimension', 1)!
  if (rank > MOST_AXES) throw fields.wrong('dimension', `at most ${MOST_AXES} axes`)
  const sizes = fields.lengths('sizes', rank)
  const vectors = directionsOf(fields, rank)
  const kinds = kindsOf(fields, rank)
  const spacings = spacingWords(fields, rank)
  const isInSpace = (axis: number): boolean =>
    vectors ? vectors[axis] !== undefined : IN_SPACE.has(kinds?.[axis]) && !/^nan$/i.test(spacings?.[axis] ?? '')
  const found = sizes.map((_, axis) => axis).filter(isInSpace)
  const named = `(${sizes.join(', ')})`
  if (found.length < 3 || (vectors && found.length > 3))
    throw new InputError(`${path}: has ${found.length} axes in space of its axes ${named}, expected three`)
  const spatial = found.slice(0, 3)
  const further = sizes.map((_, axis) => axis).filter(axis => !spatial.includes(axis) && sizes[axis]! > 1)
  if (further.length > 1)
    throw new InputError(`${path}: has axes ${named}, expected three in space, and at most one more for channels`)
  const [channel] = further
  if (channel !== undefined && kinds?.[channel] === 'complex')
    throw new InputError(`${path}: its voxels are complex numbers, expected real ones`)
  return {
    rank,
    size: spatial.map(axis => sizes[axis]!) as ImageSize,
    spatial,
    channels: channel === undefined ? 1 : sizes[channel]!,
    channelAxis: channel === undefined ? 3 : spatial.filter(axis => axis < channel).length,
    directions: vectors && spatial.map(axis => vectors[axis]!),
  }
}

/**
 * The vector of each axis, undefined where it is `none` or has no part in space, as time in a space of four dimensions; undefined if the header
 * has no directions.
 */
function directionsOf(fields: HeaderFields, rank: number): (number[] | undefined)[] | undefined {
  const name = 'space directions'
  const text = fields.text(name)
  if (text === undefined) return undefined
  const items = text.match(/\([^()]*\)|[^\s()]+/g) ?? []
  const vectors = items.map(item => (/^none$/i.test(item) || isNoVector(item) ? undefined : inSpace(vectorOf(item))))
  if (items.length !== rank || vectors.some(vector => vector?.length === 0))
    throw fields.wrong(name, `${rank} times (x,y,z) or none`)
  return vectors
}

/** Of a vector in space and time its part in space; undefined if it has none, empty if it is no such vector. */
function inSpace(vector: number[]): number[] | undefined {
  if (vector.length !== 4) return vector.length === 3 ? vector : []
  const part = vector.slice(0, 3)
  if (vector[3] === 0) return part
  return part.every(value => value === 0) ? undefined : []
}

/** Writers without `none` state NaN. */
function isNoVector(item: string): boolean {
  return /^\((?:\s*nan\s*,){2,3}\s*nan\s*\)$/i.test(item)
}

/** The numbers in (x,y,z); empty if it is no such thing. */
export function vectorOf(text: string): number[] {
  const inside = /^\s*\(([^()]*)\)\s*$/.exec(text)?.[1]
  const numbers = inside?.split(',').map(word => numberIn(word)) ?? []
  return numbers.every(Number.isFinite) ? numbers : []
}

function numberIn(word: string): number {
  return word.trim() === '' ? Number.NaN : Number(word)
}

function kindsOf(fields: HeaderFields, rank: number): string[] | undefined {
  const text = fields.text('kinds')
  const kinds = text === undefined ? undefined : wordsOf(text.toLowerCase())
  if (kinds && kinds.length !== rank) throw fields.wrong('kinds', `${rank} kinds`)
  return kinds
}

function spacingWords(fields: HeaderFields, rank: number): string[] | undefined {
  const text = fields.text('spacings')
  const words = text === undefined ? undefined : wordsOf(text)
  if (words && words.length !== rank) throw fields.wrong('spacings', `${rank} numbers`)
  return words
}

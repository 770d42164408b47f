import { InputError } from '../../../util/error.ts'
import { implausibleSize } from '../field_of_view.ts'
import type { Affine } from '../grid.ts'
import { affineIn, type Space } from '../space.ts'
import { isInvertible } from '../spacing.ts'
import { type LengthUnit, lengthUnit } from '../volume/length_unit.ts'
import { type HeaderFields, numberOf, wordsOf } from '../volume/text_header.ts'
import { IN_SPACE_OR_TIME, type NrrdAxes, vectorOf } from './axes.ts'

/** Names of spaces; null for those that say nothing about the patient. Each is also a space of four dimensions, with time. */
const NAMES: readonly (readonly [Space | null, ...string[]])[] = [
  ['RAS', 'right-anterior-superior', 'ras', 'right-anterior-superior-time', 'rast'],
  ['LAS', 'left-anterior-superior', 'las', 'left-anterior-superior-time', 'last'],
  ['LPS', 'left-posterior-superior', 'lps', 'left-posterior-superior-time', 'lpst'],
  [
    null,
    'scanner-xyz',
    'scanner-xyz-time',
    '3d-right-handed',
    '3d-right-handed-time',
    '3d-left-handed',
    '3d-left-handed-time',
  ],
]
const SPACES = Object.fromEntries(NAMES.flatMap(([space, ...names]) => names.map(name => [name, space])))
const ASSUMED: Space = 'LPS' // as ITK does

/** Where an NRRD header places its voxels, and what it leaves in doubt. Throws InputError. */
export function placeOf(fields: HeaderFields, axes: NrrdAxes, path: string): { affine: Affine; warnings: string[] } {
  const stated = fields.choice('space', SPACES, [
    'left-posterior-superior',
    'right-anterior-superior',
    'left-anterior-superior',
  ])
  const dimension = fields.integer('space dimension', 1)
  if (dimension !== undefined && !IN_SPACE_OR_TIME.includes(dimension)) throw fields.wrong('space dimension', '3 or 4')
  const unit = unitOf(fields, axes)
  const { vectors, warnings } = vectorsOf(fields, axes)
  const origin = originOf(fields)
  const inMillimetres = (vector: readonly number[]): number[] => vector.map(unit.inMillimetres)
  const affine = affineIn(stated ?? ASSUMED, vectors.map(inMillimetres), inMillimetres(origin))
  if (!isInvertible(affine)) throw new InputError(`${path}: its axes (space directions or spacings) span no volume`)
  return {
    affine,
    warnings: [
      ...(stated && axes.directions ? [] : [noOrientation(fields, axes, stated)]),
      ...warnings,
      ...unit.warnings,
      ...implausibleSize(affine, axes.size, unit.name),
    ],
  }
}

/** `stated`: the space, if it names sides of the patient. */
function noOrientation(fields: HeaderFields, { directions }: NrrdAxes, stated: Space | undefined | null): string {
  const lacks = directions ? "no space with the patient's sides" : 'no space directions'
  const named = fields.text('space')
  const said = named === undefined ? '' : ` (its space is ${named})`
  const pointing = { RAS: 'right, anterior', LAS: 'left, anterior', LPS: 'left, posterior' }[stated ?? ASSUMED]
  const why = stated ? 'like those of its space' : 'as ITK does'
  return `states ${lacks}${said}: its axes are taken to point ${pointing} and superior, ${why}, so left and right may be swapped`
}

function vectorsOf(fields: HeaderFields, { directions, rank, spatial }: NrrdAxes) {
  if (directions) return { vectors: directions, warnings: [] }
  const words = fields.text('spacings')
  const spacings = words === undefined ? undefined : wordsOf(words).map(numberOf)
  const own = spatial.map(axis => spacings?.[axis] ?? (spacings ? 0 : 1))
  if (own.some(spacing => !(spacing > 0))) throw fields.wrong('spacings', `${rank} numbers above 0`)
  const vectors = own.map((spacing, axis) => [0, 1, 2].map(world => (world === axis ? spacing : 0)))
  return { vectors, warnings: spacings ? [] : ['states no voxel spacing: 1 mm is taken'] }
}

function originOf(fields: HeaderFields): number[] {
  const name = 'space origin'
  const text = fields.text(name)
  if (text === undefined) return [0, 0, 0]
  const origin = vectorOf(text)
  if (!IN_SPACE_OR_TIME.includes(origin.length)) throw fields.wrong(name, '(x,y,z)')
  return origin.slice(0, 3)
}

/** One unit for the three axes in space: of the directions `space units`, of the spacings `units` of these axes. */
function unitOf(fields: HeaderFields, { directions, spatial, rank }: NrrdAxes): LengthUnit {
  const [name, counts] = directions ? ['space units', IN_SPACE_OR_TIME] : ['units', [rank]]
  const text = fields.text(name)
  if (text === undefined) return lengthUnit(undefined, name)
  const units = Array.from(text.matchAll(/"([^"]*)"|(\S+)/g), ([, quoted, bare]) => quoted ?? bare!)
  if (!counts.includes(units.length)) throw fields.wrong(name, `${counts[0]} units in quotation marks`)
  const own = new Set(directions ? units.slice(0, 3) : spatial.map(axis => units[axis]!))
  if (own.size > 1) throw fields.wrong(name, 'one unit for all axes in space')
  return lengthUnit([...own][0], name)
}

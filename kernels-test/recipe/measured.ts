import { fingerprintOf } from '../../src/recipe/fingerprint.ts'
import type { Fingerprint } from '../../src/recipe/fingerprint_schema.ts'
import type { MeasuredScan } from '../../src/recipe/measured_scan.ts'
import { addShapes, emptyShape } from '../../src/recipe/structure_shape.ts'
import { type ImageSize, sizeOf } from '../../src/util/shape.ts'

type Triple = [number, number, number]

export interface Block {
  low: Triple
  end: Triple
}

export const labelIn =
  (blocks: readonly Block[]) =>
  (place: readonly number[]): number =>
    1 + blocks.findIndex(({ low, end }) => place.every((at, axis) => at >= low[axis]! && at < end[axis]!))

/** A scan whose structure s is block s. */
export function scanOf(subject: string, size: ImageSize, spacing: Triple, blocks: readonly Block[]): MeasuredScan {
  const label = labelIn(blocks)
  const values = Uint8Array.from({ length: sizeOf(size) }, (_, v) =>
    label([Math.floor(v / (size[1] * size[2])), Math.floor(v / size[2]) % size[1], v % size[2]]),
  )
  const shapes = blocks.map(emptyShape)
  const marked = new Map(blocks.map((_, s) => [s + 1, [s]]))
  addShapes(values, size, marked, shapes, new Uint8Array(values.length))
  const found = shapes.map(shape => (shape.voxels > 0 ? shape : undefined))
  return { subject, orientation: 'RAS', size, spacing, shapes: found, presence: found.map(shape => Number(!!shape)) }
}

export function fingerprintOfScans(scans: readonly MeasuredScan[], structureNames: readonly string[]): Fingerprint {
  const channels = [{ name: null, samples: [], modalities: [{ name: 'MR' as const, from: 'the test' }] }]
  return fingerprintOf({ source: 'scans', unit: 'mm', structureNames, scans, imagesRead: 0, channels })
}

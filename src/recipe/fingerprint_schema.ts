import { z } from 'zod'
import { MODALITIES } from '../data/import/modality.ts'

/** Of the intensities. */
export const PERCENTILES = [0.5, 5, 25, 50, 75, 95, 99.5] as const

/** Six digits: more would only show rounding. */
export function digits(value: number): number {
  return Number(value.toPrecision(6))
}

const spread = z.strictObject({
  least: z.number(),
  p5: z.number(),
  median: z.number(),
  p95: z.number(),
  greatest: z.number(),
})
const alongAxes = z.tuple([spread, spread, spread]) // right, anterior, superior
const three = z.tuple([z.number(), z.number(), z.number()])
const count = z.int().min(0)

const intensity = z.strictObject({
  mean: z.number(),
  deviation: z.number(),
  percentiles: z.record(z.string(), z.number()),
})

const channel = z.strictObject({
  name: z.string().nullable(),
  modality: z.enum([...MODALITIES, 'unknown']),
  modality_from: z.string(),
  /** null if no scan has a structure */
  in_structures: intensity.nullable(),
  everywhere: intensity.nullable(),
})

const structure = z.strictObject({
  name: z.string(),
  /** scans, or samples of a dataset */
  present: count,
  absent: count,
  unknown: count,
  /** share of the scans that annotate it; null if none does */
  presence_rate: z.number().nullable(),
  /** in cubic units, where it is present; null if it never is */
  volume: spread.nullable(),
  volume_ml: spread.nullable(),
  /** median area across each axis, in square units */
  faces: three.nullable(),
  /** median length of the box around it */
  extent: three.nullable(),
  /** the structure that takes its place in a mirror; null if it is its own mirror image */
  mirrored: z.string().nullable(),
})

/** fingerprint.json: what the data are like. Lengths are in `unit`; axes run to the right, front and top. */
export const fingerprintSchema = z.strictObject({
  source: z.enum(['scans', 'dataset']),
  unit: z.enum(['mm', 'voxel']),
  subjects: count,
  scans: count,
  /** of these, those whose images were read */
  images_read: count,
  channels: z.array(channel).min(1),
  /** number of scans with each order of stored axes; empty for a dataset, whose axes run to the right, front and top */
  orientations: z.record(z.string(), count),
  size: alongAxes,
  spacing: alongAxes,
  extent: alongAxes,
  /** length of the box around each scan's centre that holds all of its structures */
  reach: alongAxes,
  structures: z.array(structure).min(1),
  /** names with a side in them, such as left_kidney */
  sided: z.array(z.string()),
})

export type Spread = z.infer<typeof spread>
export type AlongAxes = z.infer<typeof alongAxes>
export type Intensity = z.infer<typeof intensity>
export type Fingerprint = z.infer<typeof fingerprintSchema>
export type FingerprintChannel = z.infer<typeof channel>
export type FingerprintStructure = z.infer<typeof structure>

import type { Modality } from '../data/import/modality.ts'
import { mirrorPartners } from '../util/mirror.ts'
import { quantile } from '../util/statistics.ts'
import {
  type AlongAxes,
  digits,
  type Fingerprint,
  type FingerprintChannel,
  type FingerprintStructure,
  type Spread,
} from './fingerprint_schema.ts'
import { type IntensitySample, intensityOf } from './intensities.ts'
import type { MeasuredScan } from './measured_scan.ts'
import { isSided } from './sides.ts'
import type { StructureShape } from './structure_shape.ts'

/** What has been measured of the images of a channel. */
export interface MeasuredChannel {
  name: string | null
  samples: readonly IntensitySample[]
  /** of its scans; undefined where nothing tells */
  modalities: readonly (Modality | undefined)[]
}

export interface Measured {
  source: Fingerprint['source']
  unit: Fingerprint['unit']
  structureNames: readonly string[]
  scans: readonly MeasuredScan[]
  imagesRead: number
  channels: readonly MeasuredChannel[]
}

/** Summarises what has been measured of at least one scan. The same data give the same fingerprint. */
export function fingerprintOf({ source, unit, structureNames, scans, imagesRead, channels }: Measured): Fingerprint {
  const orientations: Record<string, number> = {}
  for (const { orientation } of scans)
    if (orientation !== undefined) orientations[orientation] = (orientations[orientation] ?? 0) + 1
  const along = (of: (scan: MeasuredScan, axis: number) => number, among = scans): AlongAxes => [
    spreadOf(among.map(scan => of(scan, 0))),
    spreadOf(among.map(scan => of(scan, 1))),
    spreadOf(among.map(scan => of(scan, 2))),
  ]
  const labelled = scans.filter(({ shapes }) => shapes.some(shape => shape !== undefined))
  return {
    ...{ source, unit },
    subjects: new Set(scans.map(({ subject }) => subject)).size,
    scans: scans.length,
    images_read: imagesRead,
    channels: channels.map(channelOf),
    orientations: Object.fromEntries(Object.entries(orientations).sort(([a], [b]) => (a < b ? -1 : 1))),
    size: along(({ size }, axis) => size[axis]!),
    spacing: along(({ spacing }, axis) => spacing[axis]!),
    extent: along(({ size, spacing }, axis) => size[axis]! * spacing[axis]!),
    reach: along(reachOf, labelled.length > 0 ? labelled : scans),
    structures: structureNames.map((name, s) => structureOf(name, s, structureNames, scans, unit)),
    sided: structureNames.filter(isSided),
  }
}

function channelOf({ name, samples, modalities }: MeasuredChannel): FingerprintChannel {
  return {
    name,
    ...agreed(modalities),
    in_structures: intensityOf(samples.flatMap(({ inStructures }) => inStructures)),
    everywhere: intensityOf(samples.flatMap(({ everywhere }) => everywhere)),
  }
}

/** What all scans agree on. */
function agreed([first, ...others]: MeasuredChannel['modalities']): Pick<
  FingerprintChannel,
  'modality' | 'modality_from'
> {
  if (!others.every(other => other?.name === first?.name))
    return { modality: 'unknown', modality_from: 'the scans disagree' }
  return { modality: first?.name ?? 'unknown', modality_from: first?.from ?? 'nothing states it' }
}

/** Length of the box around the scan's centre that holds every structure; 0 if it has none. */
function reachOf({ size, spacing, shapes }: MeasuredScan, axis: number): number {
  const centre = size[axis]! / 2
  const reaches = shapes.map(shape => (shape ? Math.max(centre - shape.low[axis]!, shape.end[axis]! - centre) : 0))
  return 2 * Math.max(0, ...reaches) * spacing[axis]!
}

function structureOf(
  name: string,
  s: number,
  names: readonly string[],
  scans: readonly MeasuredScan[],
  unit: Fingerprint['unit'],
): FingerprintStructure {
  const [present, absent, unknown] = [1, 0, -1].map(
    state => scans.filter(({ presence }) => presence[s] === state).length,
  ) as [number, number, number]
  const found = scans.flatMap(scan => (scan.shapes[s] ? [{ ...scan, shape: scan.shapes[s] }] : []))
  type Found = MeasuredScan & { shape: StructureShape }
  const medians = (of: (each: Found, axis: number) => number): [number, number, number] | null =>
    found.length === 0
      ? null
      : ([0, 1, 2].map(axis => spreadOf(found.map(each => of(each, axis))).median) as [number, number, number])
  const volumes = found.map(({ shape, spacing: [h, w, d] }) => shape.voxels * h * w * d)
  const partner = names[mirrorPartners(names)[s]!]!
  return {
    ...{ name, present, absent, unknown },
    presence_rate: present + absent === 0 ? null : digits(present / (present + absent)),
    volume: volumes.length === 0 ? null : spreadOf(volumes),
    volume_ml: volumes.length === 0 || unit !== 'mm' ? null : spreadOf(volumes.map(volume => volume / 1000)),
    faces: medians(
      ({ shape, spacing }, axis) => (shape.faces[axis]! * spacing[0] * spacing[1] * spacing[2]) / spacing[axis]!,
    ),
    extent: medians(({ shape, spacing }, axis) => (shape.end[axis]! - shape.low[axis]!) * spacing[axis]!),
    mirrored: partner === name ? null : partner,
  }
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (q: number): number => digits(quantile(sorted, q))
  return { least: at(0), p5: at(0.05), median: at(0.5), p95: at(0.95), greatest: at(1) }
}

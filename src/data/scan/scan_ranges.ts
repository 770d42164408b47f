import { z } from 'zod'
import { validated } from '../../util/json.ts'
import type { NumericArray } from '../hdf5/file.ts'
import { orientedGrid } from './frame.ts'
import { DEFAULT_INTENSITY, type IntensityScale, percentilesOf } from './intensity.ts'
import { orientationOf } from './orientation.ts'
import type { ScanGrid } from './scan.ts'

const range = z.tuple([z.number(), z.number()]) // least and greatest
const alongAxes = z.tuple([range, range, range]) // right, anterior, superior

const channelSchema = z.object({
  /** the percentiles 0.5 and 99.5 of a scan's voxels, in its unit */
  low: range,
  high: range,
  /** where 0 lies between them: 0 at `low`, 1 at `high`. Unlike these it does not depend on the unit. Missing if no scan has two intensities */
  zero: range.exactOptional(),
})

/** What scans looked like before they were prepared, over one or more of them. */
const rangesSchema = z.object({
  scans: z.int().positive(),
  /** directions of the stored axes, e.g. "LSA", each once */
  orientations: z.array(z.string()),
  /** largest angle between a stored axis and the anatomical axis that it counts as */
  tilt_degrees: range,
  voxel_size_mm: alongAxes,
  field_of_view_mm: alongAxes,
  /** one per channel */
  intensities: z.array(channelSchema).min(1),
})

export type Range = z.infer<typeof range>
export type ChannelRanges = z.infer<typeof channelSchema>
/** `import` writes those of the training scans to metadata.json under `training_scans`, training copies them to checkpoints. */
export type ScanRanges = z.infer<typeof rangesSchema>

/** Throws InputError with `source` and the invalid entry. */
export function parseScanRanges(value: unknown, source: string): ScanRanges {
  return validated(value, rangesSchema, source, 'training_scans')
}

/** The ranges of a single scan: each has one value. */
export function rangesOf(grid: ScanGrid, channels: readonly IntensityScale[]): ScanRanges {
  const { code } = orientationOf(grid.affine)
  const { size, spacing } = orientedGrid(grid)
  const along = (of: (axis: number) => number): ScanRanges['voxel_size_mm'] => [
    single(of(0)),
    single(of(1)),
    single(of(2)),
  ]
  return {
    scans: 1,
    orientations: [code],
    tilt_degrees: single(tiltOf(grid)),
    voxel_size_mm: along(axis => spacing[axis]!),
    field_of_view_mm: along(axis => size[axis]! * spacing[axis]!),
    intensities: channels.map(({ low, high }) => ({
      low: single(low),
      high: single(high),
      ...(high > low && { zero: single(0 - low / (high - low)) }),
    })),
  }
}

/** The ranges of all these scans together; undefined if there are none. */
export function joined(ranges: readonly ScanRanges[]): ScanRanges | undefined {
  const [first] = ranges
  if (!first) return undefined
  const over = (of: (each: ScanRanges) => Range): Range => spanOf(ranges.map(of))
  const along = (of: (each: ScanRanges) => ScanRanges['voxel_size_mm']): ScanRanges['voxel_size_mm'] => [
    over(each => of(each)[0]),
    over(each => of(each)[1]),
    over(each => of(each)[2]),
  ]
  return {
    scans: ranges.reduce((sum, { scans }) => sum + scans, 0),
    orientations: [...new Set(ranges.flatMap(({ orientations }) => orientations))].sort(),
    tilt_degrees: over(each => each.tilt_degrees),
    voxel_size_mm: along(each => each.voxel_size_mm),
    field_of_view_mm: along(each => each.field_of_view_mm),
    intensities: first.intensities.map((_, c) => joinedChannel(ranges.map(({ intensities }) => intensities[c]!))),
  }
}

function joinedChannel(channels: readonly ChannelRanges[]): ChannelRanges {
  const zeros = channels.flatMap(({ zero }) => (zero ? [zero] : []))
  return {
    low: spanOf(channels.map(({ low }) => low)),
    high: spanOf(channels.map(({ high }) => high)),
    ...(zeros.length > 0 && { zero: spanOf(zeros) }),
  }
}

function spanOf(ranges: readonly Range[]): Range {
  return ranges.reduce(([least, most], [low, high]) => [Math.min(least, low), Math.max(most, high)])
}

/** Six digits: more would only show rounding. */
function single(value: number): Range {
  const rounded = Number(value.toPrecision(6))
  return [rounded, rounded]
}

function tiltOf({ affine }: ScanGrid): number {
  const { axes } = orientationOf(affine)
  const cosines = axes.map(
    (axis, world) => Math.abs(affine[world]![axis]!) / Math.hypot(...affine.map(row => row[axis]!)),
  )
  return (Math.acos(Math.min(1, ...cosines)) * 180) / Math.PI
}

/** At most this many voxels are looked at. */
const SAMPLED = 2 ** 20
/** Spreads the sample over the volume whatever its size: a prime number, so that no axis has a period in common with it. */
const STRIDE = 2_654_435_761

/** The intensities that all but the darkest and brightest 0.5 % of the voxels have. */
export function robustIntensities(values: NumericArray): IntensityScale {
  const { low, high } = DEFAULT_INTENSITY
  const sample =
    values.length <= SAMPLED
      ? values
      : Float64Array.from({ length: SAMPLED }, (_, i) => values[(i * STRIDE) % values.length]!)
  const [lowest, highest] = percentilesOf(sample, [low, high]) as [number, number]
  return { low: lowest, high: highest }
}

import { InputError } from '../../util/error.ts'
import type { NumericArray } from '../hdf5/file.ts'
import type { IntensityRule } from './preparation.ts'

/** The scaling of one channel: stored = clip((value − low) · 255 / (high − low), 0, 255). */
export interface IntensityScale {
  low: number
  high: number
}

const WHITE = 255

/** Beyond this, sums of squares over a batch may exceed float32, and the network's outputs would be no numbers. */
export const LARGEST_VOXEL = 1e12

/** CT windows in Hounsfield units; level ± half the width: 40 ± 200, −600 ± 750, 400 ± 900, 40 ± 40. */
export const CT_WINDOWS: Readonly<Record<string, IntensityScale>> = {
  'soft-tissue': { low: -160, high: 240 },
  lung: { low: -1350, high: 150 },
  bone: { low: -500, high: 1300 },
  brain: { low: 0, high: 80 },
}

/** Robust limits for scans in any unit. */
export const DEFAULT_INTENSITY = { kind: 'percentile', low: 0.5, high: 99.5 } as const satisfies IntensityRule

/** Scales one channel of a scan, of any shape, to 0..255 by `rule`. Throws InputError with `path` if that is impossible. */
export function applyIntensity(
  values: NumericArray,
  rule: IntensityRule,
  path: string,
): { values: Float32Array; scale: IntensityScale } {
  const scale = scaleOf(values, rule, path)
  const factor = WHITE / (scale.high - scale.low)
  const scaled = new Float32Array(values.length)
  for (let v = 0; v < scaled.length; v++) scaled[v] = Math.min(Math.max((values[v]! - scale.low) * factor, 0), WHITE)
  return { values: scaled, scale }
}

/** The values that become 0 and 255. */
function scaleOf(values: NumericArray, rule: IntensityRule, path: string): IntensityScale {
  const [least, most] = rangeOf(values, path)
  if (least === most) throw new InputError(`${path}: every voxel is ${least}, expected more than one intensity`)
  if (rule.kind === 'zscore') {
    const { mean, deviation } = momentsOf(values)
    return { low: mean - rule.deviations * deviation, high: mean + rule.deviations * deviation }
  }
  if (rule.kind === 'percentile') {
    const [low, high] = percentilesOf(values, [rule.low, rule.high]) as [number, number]
    return high > low ? { low, high } : { low: least, high: most } // a few bright voxels on a constant background
  }
  if (most <= rule.low || least >= rule.high)
    throw new InputError(
      `${path}: its voxels, ${least} to ${most}, lie outside the window from ${rule.low} to ${rule.high}`,
    )
  return { low: rule.low, high: rule.high }
}

function rangeOf(values: NumericArray, path: string): [least: number, most: number] {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  let difference = 0
  for (let v = 0; v < values.length; v++) {
    const value = values[v]!
    difference += value - value // NaN for infinities too
    if (value < least) least = value
    if (value > most) most = value
  }
  if (difference !== 0) throw new InputError(`${path}: has voxels that are not finite numbers`)
  const largest = Math.max(-least, most)
  if (largest > LARGEST_VOXEL)
    throw new InputError(
      `${path}: has a voxel of magnitude ${largest.toPrecision(3)}, expected at most ${LARGEST_VOXEL.toExponential()}: it may stand for a missing value`,
    )
  return [least, most]
}

/** Mean and standard deviation of all voxels, in two passes. */
function momentsOf(values: NumericArray): { mean: number; deviation: number } {
  let sum = 0
  for (let v = 0; v < values.length; v++) sum += values[v]!
  const mean = sum / values.length
  let squares = 0
  for (let v = 0; v < values.length; v++) squares += (values[v]! - mean) ** 2
  return { mean, deviation: Math.sqrt(squares / values.length) }
}

/** Percentiles of all values, linearly interpolated as in numpy; NaN if there are no values. */
export function percentilesOf(values: NumericArray, percentiles: readonly number[]): number[] {
  const places = percentiles.map(percentile => (percentile / 100) * Math.max(0, values.length - 1))
  const around = places.flatMap(place => [Math.floor(place), Math.ceil(place)])
  const found = valuesAt(values, around)
  return places.map((place, i) => {
    const [below, above] = [found[2 * i]!, found[2 * i + 1]!]
    return below + (above - below) * (place - Math.floor(place))
  })
}

const BINS = 2 ** 16

/** The values at these positions of the sorted array. Sorts only the histogram bins that contain them, because a scan has many millions of voxels. */
function valuesAt(values: NumericArray, places: readonly number[]): number[] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let v = 0; v < values.length; v++) {
    least = Math.min(least, values[v]!)
    most = Math.max(most, values[v]!)
  }
  const scale = (BINS - 1) / (most - least)
  if (!Number.isFinite(scale)) return places.map(() => (values.length === 0 ? Number.NaN : least)) // all equal
  const counts = new Uint32Array(BINS)
  for (let v = 0; v < values.length; v++) counts[Math.floor((values[v]! - least) * scale)]!++
  return places.map(place => {
    let [bin, before] = [0, 0]
    while (before + counts[bin]! <= place) before += counts[bin++]!
    const inside = new Float64Array(counts[bin]!)
    let at = 0
    for (let v = 0; v < values.length; v++)
      if (Math.floor((values[v]! - least) * scale) === bin) inside[at++] = values[v]!
    return inside.sort()[place - before]!
  })
}

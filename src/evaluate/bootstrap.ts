import { type ConfidenceIntervals, type Interval, LEAST_FOR_INTERVAL } from '../report/detailed_metrics.ts'
import { OP_BOOTSTRAP, RandomStream } from '../util/random.ts'
import { meanOfDefined, quantile } from '../util/statistics.ts'
import { isPredictedCorrectly, type JudgedPair, type JudgedSample } from './judged_pair.ts'

/** Σ numerator / Σ denominator over samples. */
export interface Ratio {
  numerator: Float64Array // (N), one per sample
  denominator: Float64Array // (N)
}

/** The mean of its ratios; those with denominator 0 are left out. */
export type RatioMean = readonly Ratio[]

const RESAMPLES = 1000
const TAIL = 0.025

/**
 * 95 % percentile intervals of metrics (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13). Draws all samples with
 * replacement 1000 times; all metrics share the draws. Percentiles interpolate linearly, as in numpy. Resamples in which a metric is
 * undefined do not count. An interval is null if fewer than five samples define its metric. Depends only on the sums and the seed.
 */
export function bootstrapIntervals(metrics: readonly RatioMean[], samples: number, seed: number): Interval[] {
  const stream = new RandomStream({ seed, operation: OP_BOOTSTRAP })
  const found = metrics.map(() => [] as number[])
  const times = new Uint32Array(samples) // how often each sample was drawn
  for (let r = 0; r < RESAMPLES; r++) {
    times.fill(0)
    for (let i = 0; i < samples; i++) times[stream.integer(samples)]!++
    for (const [m, metric] of metrics.entries()) {
      const value = meanOfDefined(metric.map(ratio => shareIn(ratio, times)))
      if (value !== null) found[m]!.push(value)
    }
  }
  return found.map((values, m) => (defining(metrics[m]!, samples) < LEAST_FOR_INTERVAL ? null : intervalOf(values)))
}

/** The number of samples that count in at least one of the ratios. */
function defining(metric: RatioMean, samples: number): number {
  let count = 0
  for (let i = 0; i < samples; i++) if (metric.some(({ denominator }) => denominator[i]! > 0)) count++
  return count
}

function shareIn({ numerator, denominator }: Ratio, times: Uint32Array): number | null {
  let [above, below] = [0, 0]
  for (let i = 0; i < times.length; i++) {
    above += times[i]! * numerator[i]!
    below += times[i]! * denominator[i]!
  }
  return below ? above / below : null
}

function intervalOf(values: readonly number[]): Interval {
  const sorted = Float64Array.from(values).sort()
  return [quantile(sorted, TAIL), quantile(sorted, 1 - TAIL)]
}

/** Bootstrap intervals of the main metrics. Draws whole samples, because the structures of a sample are not independent. */
export function intervalsOf(
  samples: readonly JudgedSample[],
  structureNames: readonly string[],
  seed: number,
): ConfidenceIntervals {
  /** over pairs for which `value` is not null */
  const ratio = (value: (pair: JudgedPair) => number | null): Ratio => ratioOf(samples, value)
  const present = (s: number, value: (pair: JudgedPair) => number | null): Ratio =>
    ratio(pair => (pair.structure === s && pair.present ? value(pair) : null))
  const byStructure = (value: (pair: JudgedPair) => number | null): RatioMean =>
    structureNames.map((_, s) => present(s, value))
  const dice = byStructure(pair => pair.hardDice)
  const metrics: RatioMean[] = [
    [ratio(isPredictedCorrectly)],
    [ratio(pair => (pair.present ? null : isPredictedCorrectly(pair)))],
    [ratio(pair => (pair.present ? isPredictedCorrectly(pair) : null))],
    dice,
    byStructure(pair => pair.iou),
    byStructure(({ surface }) => surface?.hd95 ?? null),
    byStructure(({ surface }) => surface?.mean ?? null),
    ...dice.map(each => [each]),
  ]
  const [accuracy, sensitivity, specificity, meanDice, meanIou, hd95, distance, ...ofStructures] = bootstrapIntervals(
    metrics,
    samples.length,
    seed,
  )
  return {
    resamples: RESAMPLES,
    presence_overall_accuracy: accuracy!,
    absence_sensitivity: sensitivity!,
    absence_specificity: specificity!,
    mean_dice: meanDice!,
    mean_iou: meanIou!,
    mean_hd95: hd95!,
    mean_surface_distance: distance!,
    dice_per_structure: Object.fromEntries(structureNames.map((name, s) => [name, ofStructures[s]!])),
  }
}

function ratioOf(samples: readonly JudgedSample[], value: (pair: JudgedPair) => number | null): Ratio {
  const found = samples.map(({ pairs }) => pairs.map(value).filter(each => each !== null))
  return {
    numerator: Float64Array.from(found, values => values.reduce((sum, each) => sum + each, 0)),
    denominator: Float64Array.from(found, values => values.length),
  }
}

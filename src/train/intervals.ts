import type { ConfidenceIntervals } from '../report/detailed_metrics.ts'
import { bootstrapIntervals, type Figure, type Ratio, RESAMPLES } from './bootstrap.ts'
import { isRight, type JudgedPair, type JudgedSample } from './judged_pair.ts'

/** Bootstrap intervals of the main figures: whole samples are drawn, since the structures of one sample are not independent. */
export function intervalsOf(
  samples: readonly JudgedSample[],
  structureNames: readonly string[],
  seed: number,
): ConfidenceIntervals {
  /** Over pairs for which `value` is not null. */
  const ratio = (value: (pair: JudgedPair) => number | null): Ratio => ratioOf(samples, value)
  const present = (s: number, value: (pair: JudgedPair) => number | null): Ratio =>
    ratio(pair => (pair.structure === s && pair.present ? value(pair) : null))
  const byStructure = (value: (pair: JudgedPair) => number | null): Figure =>
    structureNames.map((_, s) => present(s, value))
  const dice = byStructure(pair => pair.hardDice)
  const figures: Figure[] = [
    [ratio(isRight)],
    [ratio(pair => (pair.present ? null : isRight(pair)))],
    [ratio(pair => (pair.present ? isRight(pair) : null))],
    dice,
    byStructure(pair => pair.iou),
    byStructure(({ surface }) => surface?.hd95 ?? null),
    byStructure(({ surface }) => surface?.mean ?? null),
    ...dice.map(each => [each]),
  ]
  const [accuracy, sensitivity, specificity, meanDice, meanIou, hd95, distance, ...ofStructures] = bootstrapIntervals(
    figures,
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

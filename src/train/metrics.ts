import type {
  AbsenceMetrics,
  DetailedMetrics,
  OverallSegmentation,
  PresenceMetrics,
  ScenarioMetrics,
  SegmentationMetrics,
} from '../report/detailed_metrics.ts'
import { averagePrecision, rocAuc } from './ranking.ts'
import { type BatchResult, type Pair, pairsOf } from './tally.ts'

/** A known pair, and whether its structure is held to be present. */
interface Judged extends Pair {
  predicted: boolean
}

/** Dice and IoU of one structure of one sample. */
interface Overlap {
  dice: number
  iou: number
}

/**
 * Collects the pairs of an evaluation and makes the figures of them. Unknown and padded pairs are in nothing; segmentation counts
 * present pairs only, at threshold 0.5, without the presence gate unless it says so.
 */
export class Metrics {
  private readonly structureNames: readonly string[]
  private readonly threshold: number
  /** the known pairs of each sample, in order */
  private readonly samplePairs: { scenario: string; pairs: Judged[] }[] = []

  /** `threshold`: presence_threshold */
  constructor(structureNames: readonly string[], threshold: number) {
    this.structureNames = structureNames
    this.threshold = threshold
  }

  /** Adds the samples of a batch, in order; `scenarios` has one name (or an empty text) for each that is no padding. */
  add(batch: Pick<BatchResult, 'pairs' | 'presence' | 'presenceProbability'>, scenarios: readonly string[]): void {
    const added = scenarios.map(scenario => ({ scenario, pairs: [] as Judged[] }))
    for (const pair of pairsOf(batch, this.structureNames.length))
      added[pair.sample]!.pairs.push({ ...pair, predicted: pair.probability > this.threshold })
    this.samplePairs.push(...added)
  }

  get samples(): number {
    return this.samplePairs.length
  }

  detailed(): DetailedMetrics {
    const names = this.structureNames
    const known = this.samplePairs.flatMap(({ pairs }) => pairs)
    const byStructure = names.map((_, s) => known.filter(({ structure }) => structure === s))
    const present = byStructure.map(pairs => pairs.filter(pair => pair.present))
    const named = <T>(of: (structure: number) => T): Record<string, T> =>
      Object.fromEntries(names.map((name, s) => [name, of(s)]))
    const plain = present.map(pairs => segmentationOf(pairs.map(plainOverlap)))
    const gated = present.map(pairs => segmentationOf(pairs.map(gatedOverlap)))
    return {
      presence_overall_accuracy: mean(known.map(isRight)),
      presence_per_structure: named(s => presenceOf(byStructure[s]!)),
      segmentation_per_structure: named(s => plain[s]!),
      segmentation_overall: overall(plain),
      segmentation_overall_gated: overall(gated),
      scenario_based: this.byScenario(),
      absence_overall: absenceOf(known),
      absence_per_structure: named(s => absenceOf(byStructure[s]!)),
      presence_calibration: { expected_calibration_error: null, brier_score: null, bins: [] },
      confidence_intervals: {
        resamples: 0,
        presence_overall_accuracy: null,
        absence_sensitivity: null,
        absence_specificity: null,
        mean_dice: null,
        mean_iou: null,
        mean_hd95: null,
        mean_surface_distance: null,
        dice_per_structure: {},
      },
      distance_unit: 'voxel',
    }
  }

  /** By name in alphabetical order. Samples without a scenario's name or without a known pair are left out. */
  private byScenario(): Record<string, ScenarioMetrics> {
    const samples = new Map<string, Judged[][]>()
    for (const { scenario, pairs } of this.samplePairs)
      if (scenario !== '' && pairs.length) samples.set(scenario, [...(samples.get(scenario) ?? []), pairs])
    const names = [...samples.keys()].sort()
    return Object.fromEntries(names.map(name => [name, scenarioOf(samples.get(name)!)]))
  }
}

/** null of nothing */
function mean(values: readonly number[]): number | null {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null
}

/** Population standard deviation, as numpy's; null of nothing. */
function deviation(values: readonly number[]): number | null {
  const centre = mean(values)
  const variance = centre === null ? null : mean(values.map(value => (value - centre) ** 2))
  return variance === null ? null : Math.sqrt(variance)
}

function isRight({ predicted, present }: Judged): number {
  return Number(predicted === present)
}

function presenceOf(pairs: readonly Judged[]): PresenceMetrics {
  const count = (present: boolean, predicted: boolean): number =>
    pairs.filter(pair => pair.present === present && pair.predicted === predicted).length
  const [truePositives, trueNegatives] = [count(true, true), count(false, false)]
  const [falsePositives, falseNegatives] = [count(false, true), count(true, false)]
  const scored = pairs.map(({ probability, present }) => ({ score: probability, positive: present }))
  const share = (part: number, whole: number): number => (whole ? part / whole : 0)
  return {
    accuracy: mean(pairs.map(isRight)),
    precision: share(truePositives, truePositives + falsePositives),
    recall: share(truePositives, truePositives + falseNegatives),
    f1_score: share(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives),
    true_positives: truePositives,
    true_negatives: trueNegatives,
    false_positives: falsePositives,
    false_negatives: falseNegatives,
    support_positive: truePositives + falseNegatives,
    support_negative: trueNegatives + falsePositives,
    auc_roc: rocAuc(scored),
    auc_pr: averagePrecision(scored),
  }
}

function plainOverlap({ hardDice, iou }: Judged): Overlap {
  return { dice: hardDice, iou }
}

/** With an empty prediction, Dice and IoU are the same number. */
function gatedOverlap(pair: Judged): Overlap {
  return pair.predicted ? plainOverlap(pair) : { dice: pair.emptyOverlap, iou: pair.emptyOverlap }
}

function segmentationOf(overlaps: readonly Overlap[]): SegmentationMetrics {
  const dice = overlaps.map(overlap => overlap.dice)
  const iou = overlaps.map(overlap => overlap.iou)
  return {
    mean_dice: mean(dice),
    std_dice: deviation(dice),
    mean_iou: mean(iou),
    std_iou: deviation(iou),
    num_samples: overlaps.length,
    mean_precision: null,
    mean_recall: null,
    mean_hd95: null,
    std_hd95: null,
    mean_surface_distance: null,
    std_surface_distance: null,
    num_surfaces: 0,
    mean_volume_error: null,
    mean_absolute_volume_error: null,
  }
}

function absenceOf(pairs: readonly Judged[]): AbsenceMetrics {
  const absent = pairs.filter(({ present }) => !present)
  const present = pairs.filter(pair => pair.present)
  return {
    sensitivity: mean(absent.map(isRight)),
    specificity: mean(present.map(isRight)),
    num_absent: absent.length,
    num_present: present.length,
  }
}

function overall(structures: readonly SegmentationMetrics[]): OverallSegmentation {
  const present = structures.filter(({ num_samples }) => num_samples > 0)
  return {
    mean_dice: mean(present.map(({ mean_dice }) => mean_dice!)),
    mean_iou: mean(present.map(({ mean_iou }) => mean_iou!)),
  }
}

function scenarioOf(samples: readonly Judged[][]): ScenarioMetrics {
  const average = (figure: (pairs: readonly Judged[]) => number): number => mean(samples.map(figure))!
  return {
    accuracy: average(pairs => Number(pairs.every(isRight))),
    num_samples: samples.length,
    avg_structures_present: average(pairs => pairs.filter(({ present }) => present).length),
    avg_structures_predicted: average(pairs => pairs.filter(({ predicted }) => predicted).length),
  }
}

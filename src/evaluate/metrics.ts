import type { CaseRow } from '../report/case_row.ts'
import type { DetailedMetrics, ScenarioMetrics } from '../report/detailed_metrics.ts'
import { gatedOverlap } from '../run/batch_result.ts'
import { mean } from '../util/statistics.ts'
import { intervalsOf } from './bootstrap.ts'
import {
  isPredictedCorrectly,
  type JudgedPair,
  type JudgedSample,
  judge,
  type MeasuredBatch,
  type SampleFacts,
} from './judged_pair.ts'
import { absenceOf, calibrationOf, presenceOf } from './presence_metrics.ts'
import { gatedOverlapOf, overallOf, precisionOf, recallOf, segmentationOf } from './segmentation_metrics.ts'

/** What the metrics of an evaluation depend on besides the measurements. */
export interface MetricsSettings {
  structureNames: readonly string[]
  /** presence_threshold */
  threshold: number
  distanceUnit: 'mm' | 'voxel'
  /** of the bootstrap */
  seed: number
}

/**
 * Collects the pairs of an evaluation and computes its metrics. Unknown and padded pairs never count. Segmentation metrics count only
 * present pairs, at threshold 0.5, and without the presence gate unless their name says otherwise.
 */
export class Metrics {
  private readonly settings: MetricsSettings
  private readonly judged: JudgedSample[] = []

  constructor(settings: MetricsSettings) {
    this.settings = settings
  }

  /** Adds the samples of a batch, in order. `facts` has one entry for each sample that is not padding. */
  add(batch: MeasuredBatch, facts: readonly SampleFacts[]): void {
    const { structureNames, threshold } = this.settings
    this.judged.push(...judge(batch, facts, { first: this.samples, structures: structureNames.length, threshold }))
  }

  get samples(): number {
    return this.judged.length
  }

  detailed(): DetailedMetrics {
    const { structureNames: names, distanceUnit, seed } = this.settings
    const known = this.judged.flatMap(({ pairs }) => pairs)
    const byStructure = names.map((_, s) => known.filter(({ structure }) => structure === s))
    const present = byStructure.map(pairs => pairs.filter(pair => pair.present))
    const named = <T>(of: (structure: number) => T): Record<string, T> =>
      Object.fromEntries(names.map((name, s) => [name, of(s)]))
    const segmentation = present.map(segmentationOf)
    return {
      presence_overall_accuracy: mean(known.map(isPredictedCorrectly)),
      presence_per_structure: named(s => presenceOf(byStructure[s]!)),
      segmentation_per_structure: named(s => segmentation[s]!),
      segmentation_overall: overallOf(segmentation),
      segmentation_overall_gated: gatedOverlapOf(present),
      scenario_based: this.byScenario(),
      absence_overall: absenceOf(known),
      absence_per_structure: named(s => absenceOf(byStructure[s]!)),
      presence_calibration: calibrationOf(known),
      confidence_intervals: intervalsOf(this.judged, names, seed),
      distance_unit: distanceUnit,
      num_samples: this.samples,
    }
  }

  /** One row per known pair, by sample, then by structure. */
  cases(): CaseRow[] {
    const { structureNames, distanceUnit } = this.settings
    return this.judged.flatMap(sample =>
      sample.pairs.map(pair => caseRow(sample, pair, structureNames[pair.structure]!, distanceUnit)),
    )
  }

  /** In alphabetical order. Leaves out samples without a scenario or without a known pair. */
  private byScenario(): Record<string, ScenarioMetrics> {
    const samples = new Map<string, JudgedPair[][]>()
    for (const { scenario, pairs } of this.judged) {
      if (scenario === '' || pairs.length === 0) continue
      const others = samples.get(scenario)
      if (others) others.push(pairs)
      else samples.set(scenario, [pairs])
    }
    const names = [...samples.keys()].sort()
    return Object.fromEntries(names.map(name => [name, scenarioOf(samples.get(name)!)]))
  }
}

function scenarioOf(samples: readonly JudgedPair[][]): ScenarioMetrics {
  const average = (metric: (pairs: readonly JudgedPair[]) => number): number => mean(samples.map(metric))!
  return {
    accuracy: average(pairs => Number(pairs.every(isPredictedCorrectly))),
    num_samples: samples.length,
    avg_structures_present: average(pairs => pairs.filter(({ present }) => present).length),
    avg_structures_predicted: average(pairs => pairs.filter(({ isPredictedPresent }) => isPredictedPresent).length),
  }
}

/** Overlap and distances of an absent structure are undefined; its predicted volume shows what was predicted. */
function caseRow(
  { scenario, subject, spacing }: SampleFacts,
  pair: JudgedPair,
  structure: string,
  distanceUnit: CaseRow['distance_unit'],
): CaseRow {
  const { present, truth, predicted } = pair
  const defined = <T>(value: T): T | null => (present ? value : null)
  const volume = (voxels: number): number =>
    spacing ? (voxels * spacing[0] * spacing[1] * spacing[2]) / CUBIC_MILLIMETRES_PER_MILLILITRE : voxels
  return {
    sample: pair.sample,
    subject,
    scenario,
    structure,
    present: present ? 1 : 0,
    presence_probability: pair.probability,
    predicted_present: pair.isPredictedPresent ? 1 : 0,
    dice: defined(pair.hardDice),
    iou: defined(pair.iou),
    precision: defined(precisionOf(pair)),
    recall: defined(recallOf(pair)),
    hd95: pair.surface?.hd95 ?? null,
    surface_distance: pair.surface?.mean ?? null,
    true_volume: volume(truth),
    predicted_volume: volume(predicted),
    distance_unit: distanceUnit,
    gated_dice: defined(gatedOverlap(pair, 'hardDice', pair.isPredictedPresent)),
  }
}

const CUBIC_MILLIMETRES_PER_MILLILITRE = 1000

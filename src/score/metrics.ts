import { intervalsOf } from '../evaluate/bootstrap.ts'
import { isPredictedCorrectly, type JudgedPair, type JudgedSample } from '../evaluate/judged_pair.ts'
import { absenceOf, presenceOf } from '../evaluate/presence_metrics.ts'
import { overallOf, segmentationOf } from '../evaluate/segmentation_metrics.ts'
import type { FalseVolume, ScoredPair, ScoreMetrics } from '../report/score.ts'
import { overlapOf } from '../run/batch_result.ts'
import { mean } from '../util/statistics.ts'

/** The metrics of scored pairs. `seed` is that of the bootstrap, which draws subjects with all their scans. */
export function metricsOf(
  scored: readonly ScoredPair[],
  structureNames: readonly string[],
  seed: number,
): ScoreMetrics {
  const subjects = subjectsOf(scored, structureNames)
  const known = subjects.flatMap(({ pairs }) => pairs)
  const byStructure = structureNames.map((_, s) => known.filter(({ structure }) => structure === s))
  const named = <T>(of: (s: number) => T): Record<string, T> =>
    Object.fromEntries(structureNames.map((name, s) => [name, of(s)]))
  const segmentation = byStructure.map(pairs => segmentationOf(pairs.filter(({ present }) => present)))
  const areRanked = scored.every(({ presence_probability }) => presence_probability !== null)
  const unranked = areRanked ? {} : { auc_roc: null, auc_pr: null }
  return {
    num_subjects: subjects.length,
    num_scans: new Set(scored.map(({ scan }) => scan)).size,
    segmentation_overall: overallOf(segmentation),
    segmentation_per_structure: named(s => segmentation[s]!),
    presence_overall_accuracy: mean(known.map(isPredictedCorrectly)),
    presence_per_structure: named(s => ({ ...presenceOf(byStructure[s]!), ...unranked })),
    absence_overall: absenceOf(known),
    absence_per_structure: named(s => absenceOf(byStructure[s]!)),
    false_volume_per_structure: named(s => falseVolumeOf(scored, structureNames[s]!)),
    confidence_intervals: intervalsOf(subjects, structureNames, seed),
  }
}

/** The pairs by subject, in the order in which the subjects first occur. */
function subjectsOf(scored: readonly ScoredPair[], structureNames: readonly string[]): JudgedSample[] {
  const subjects = new Map<string, JudgedSample>()
  for (const pair of scored) {
    const { subject } = pair
    const found = subjects.get(subject) ?? { subject, scenario: '', spacing: undefined, pairs: [] }
    subjects.set(subject, found)
    found.pairs.push(judged(pair, subjects.size - 1, structureNames.indexOf(pair.structure)))
  }
  return [...subjects.values()]
}

function judged(pair: ScoredPair, sample: number, structure: number): JudgedPair {
  const { hd95, surface_distance, predicted_present } = pair
  return {
    sample,
    structure,
    present: pair.present === 1,
    isPredictedPresent: predicted_present === 1,
    probability: pair.presence_probability ?? predicted_present,
    surface: hd95 === null || surface_distance === null ? null : { hd95, mean: surface_distance },
    ...overlapOf({ truth: pair.true_voxels, predicted: pair.predicted_voxels, both: pair.common_voxels }),
  }
}

function falseVolumeOf(scored: readonly ScoredPair[], structure: string): FalseVolume {
  const absent = scored.filter(pair => pair.structure === structure && pair.present === 0)
  return {
    mean_ml: mean(absent.map(({ predicted_volume_ml }) => predicted_volume_ml)),
    num_absent: absent.length,
    num_predicted: absent.filter(({ predicted_voxels }) => predicted_voxels > 0).length,
  }
}

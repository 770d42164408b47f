import type { DetailedMetrics, OverallSegmentation } from '../detailed_metrics.ts'
import {
  absenceTable,
  calibrationTable,
  presenceTable,
  scenarioTable,
  segmentationTable,
  surfaceTable,
} from './evaluation_tables.ts'
import { distanceText, metricText, withInterval } from './number_text.ts'

/** What was evaluated, in the words of the report's head. */
export interface ReportHead {
  weights: string
  dataset: string
  split: string
  samples: number
  /** (H, W, D), voxels */
  size: readonly number[]
  presenceThreshold: number
  /** what it was computed on */
  adapter: string
}

/** evaluation_report.txt: the figures of detailed_metrics.json for a reader. */
export function evaluationReport(head: ReportHead, metrics: DetailedMetrics): string {
  const structures = Object.keys(metrics.presence_per_structure).length
  const lines = [
    'SADAAN evaluation',
    '',
    `weights   ${head.weights}`,
    `dataset   ${head.dataset}, ${head.split}: ${head.samples} samples, ${structures} structures, ${head.size.join('×')}`,
    ...mainMetrics(metrics),
    '',
    `In brackets: 95 % intervals, by ${metrics.confidence_intervals.resamples} splits drawn from the samples with replacement.`,
    '',
    `Presence (predicted present: probability above ${head.presenceThreshold})`,
    ...presenceTable(metrics),
    '',
    'Absence (sensitivity: share of the absent told absent; specificity: share of the present told present)',
    ...absenceTable(metrics),
    '',
    'Calibration of the presence probability (mean: of the probabilities; present: share of the pairs)',
    ...calibrationTable(metrics),
    '',
    'Segmentation (at threshold 0.5, of the samples in which a structure is present, without the presence gate)',
    ...segmentationTable(metrics),
    '',
    `Surfaces (${metrics.distance_unit === 'mm' ? 'mm' : 'voxels'}, of samples in which both masks have one) and volumes ((predicted − true) / true)`,
    ...surfaceTable(metrics),
    'not found: samples with a true mask and an empty prediction; their Dice is 0 and they have no distance.',
  ]
  if (Object.keys(metrics.scenario_based).length)
    lines.push('', 'Scenarios (accuracy: samples with every structure predicted correctly)', ...scenarioTable(metrics))
  return `${lines.join('\n')}\n`
}

/** The figures that an evaluation is summed up by, a line a subject. */
export function mainMetrics(metrics: DetailedMetrics): string[] {
  const {
    absence_overall: absence,
    presence_calibration: calibration,
    segmentation_overall: masks,
    confidence_intervals: intervals,
  } = metrics
  const unit = metrics.distance_unit === 'mm' ? 'mm' : 'voxels'
  return [
    `presence  accuracy ${withInterval(metrics.presence_overall_accuracy, intervals.presence_overall_accuracy)}; calibration error ${metricText(calibration.expected_calibration_error)}, Brier score ${metricText(calibration.brier_score)}`,
    `absence   sensitivity ${withInterval(absence.sensitivity, intervals.absence_sensitivity)} of ${absence.num_absent} absent, specificity ${withInterval(absence.specificity, intervals.absence_specificity)} of ${absence.num_present} present`,
    `masks     Dice ${withInterval(masks.mean_dice, intervals.mean_dice)}, IoU ${withInterval(masks.mean_iou, intervals.mean_iou)}`,
    `gated     ${overlaps(metrics.segmentation_overall_gated)}: what is predicted absent gets an empty mask`,
    `surfaces  HD95 ${withInterval(masks.mean_hd95, intervals.mean_hd95, distanceText)} ${unit}, mean distance ${withInterval(masks.mean_surface_distance, intervals.mean_surface_distance, distanceText)} ${unit}; absolute volume error ${metricText(masks.mean_absolute_volume_error)}`,
  ]
}

function overlaps({ mean_dice, mean_iou }: OverallSegmentation): string {
  return `Dice ${metricText(mean_dice)}, IoU ${metricText(mean_iou)}`
}

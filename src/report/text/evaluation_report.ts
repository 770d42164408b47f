import { type DetailedMetrics, type Interval, LEAST_FOR_INTERVAL } from '../detailed_metrics.ts'
import {
  absenceTable,
  calibrationTable,
  presenceTable,
  scenarioTable,
  segmentationTable,
  surfaceTable,
} from './evaluation_tables.ts'
import { distanceText, metricText, withInterval } from './number_text.ts'

/** What was evaluated, as the head of the report says it. */
export interface ReportHead {
  /** path of the model, or of those that were averaged */
  weights: string | readonly string[]
  dataset: string
  split: string
  samples: number
  /** (H, W, D), voxels */
  size: readonly number[]
  presenceThreshold: number
  /** the adapter that computed it */
  adapter: string
  /** what may make the metrics mean less than they seem to, such as data unlike the training data */
  warnings: readonly string[]
}

/** evaluation_report.txt: the metrics of detailed_metrics.json for a reader; its prose fits into 80 columns. */
export function evaluationReport(head: ReportHead, metrics: DetailedMetrics): string {
  const structures = Object.keys(metrics.presence_per_structure).length
  const unit = metrics.distance_unit === 'mm' ? 'mm' : 'voxels'
  const lines = [
    'SADAAN evaluation',
    '',
    ...[head.weights].flat().map(path => `weights   ${path}`),
    `dataset   ${head.dataset}, ${head.split}`,
    ...head.warnings.map(line => `warning   ${line}`),
    `samples   ${head.samples} of ${head.size.join('×')} voxels, ${structures} structures`,
    ...mainMetrics(metrics),
    '',
    `In brackets: 95 % bootstrap intervals from ${metrics.confidence_intervals.resamples} resamples of the samples,`,
    `where at least ${LEAST_FOR_INTERVAL} samples define the metric. A dash: undefined.`,
    '',
    `Presence (predicted present: probability above ${head.presenceThreshold};`,
    'precision, recall and F1 are undefined without a present pair)',
    ...presenceTable(metrics),
    '',
    'Absence (sensitivity: fraction of the absent pairs that were predicted absent;',
    'specificity: fraction of the present pairs that were predicted present)',
    ...absenceTable(metrics),
    '',
    'Calibration of the presence probability',
    '(mean: mean probability; present: fraction of the pairs that are present)',
    ...calibrationTable(metrics),
    '',
    'Segmentation (masks at threshold 0.5, without the presence gate; samples in',
    'which the structure is present)',
    ...segmentationTable(metrics),
    '',
    `Surface distances (${unit}; samples in which both masks have a surface)`,
    'and volume errors ((predicted − true) / true)',
    ...surfaceTable(metrics),
    'not found: samples with a non-empty ground truth and an empty prediction;',
    'their Dice is 0, and they have no distance.',
  ]
  if (Object.keys(metrics.scenario_based).length)
    lines.push(
      '',
      'Scenarios (accuracy: samples with every structure predicted correctly;',
      'present, predicted: structures per sample)',
      ...scenarioTable(metrics),
    )
  return `${lines.join('\n')}\n`
}

/** The metrics that sum up an evaluation, in lines of at most 80 columns. */
export function mainMetrics(metrics: DetailedMetrics): string[] {
  const {
    absence_overall: absence,
    presence_calibration: calibration,
    segmentation_overall: masks,
    segmentation_overall_gated: gated,
    confidence_intervals: intervals,
  } = metrics
  const unit = metrics.distance_unit === 'mm' ? 'mm' : 'voxels'
  const distance = (value: number | null, interval: Interval): string =>
    `${withInterval(value, interval, distanceText)}${value === null ? '' : ` ${unit}`}`
  const { mean_dice, mean_hd95 } = masks.num_structures
  const all = Object.keys(metrics.segmentation_per_structure).length
  const pairs = absence.num_absent + absence.num_present
  return [
    `presence  accuracy ${withInterval(metrics.presence_overall_accuracy, intervals.presence_overall_accuracy)} of ${pairs} known pairs`,
    `          calibration error ${metricText(calibration.expected_calibration_error)}, Brier score ${metricText(calibration.brier_score)}`,
    `absence   sensitivity ${withInterval(absence.sensitivity, intervals.absence_sensitivity)} of ${absence.num_absent} absent`,
    `          specificity ${withInterval(absence.specificity, intervals.absence_specificity)} of ${absence.num_present} present`,
    `masks     Dice ${withInterval(masks.mean_dice, intervals.mean_dice)}, IoU ${withInterval(masks.mean_iou, intervals.mean_iou)}`,
    `          means over ${mean_dice} of ${all} structures, those that occur`,
    `gated     Dice ${metricText(gated.mean_dice)}, IoU ${metricText(gated.mean_iou)} (empty mask if predicted absent)`,
    `surfaces  HD95 ${distance(masks.mean_hd95, intervals.mean_hd95)}`,
    `          mean distance ${distance(masks.mean_surface_distance, intervals.mean_surface_distance)}`,
    `          means over ${mean_hd95} of ${all} structures, those that were found`,
    `volumes   absolute error ${metricText(masks.mean_absolute_volume_error)}`,
  ]
}

import type { DetailedMetrics } from '../detailed_metrics.ts'
import { distanceText, intervalText, metricText } from './number_text.ts'
import { type Column, table } from './table.ts'

const number = (heading: string): Column => ({ heading, align: 'right' })
const text = (heading: string): Column => ({ heading, align: 'left' })

export function presenceTable({ presence_per_structure }: Pick<DetailedMetrics, 'presence_per_structure'>): string[] {
  const headings = ['accuracy', 'precision', 'recall', 'F1', 'AUC-ROC', 'AUC-PR', 'TP', 'TN', 'FP', 'FN']
  const rows = Object.entries(presence_per_structure).map(([name, m]) => [
    name,
    ...[m.accuracy, m.precision, m.recall, m.f1_score, m.auc_roc, m.auc_pr].map(metricText),
    ...[m.true_positives, m.true_negatives, m.false_positives, m.false_negatives].map(String),
  ])
  return table([text('structure'), ...headings.map(number)], rows)
}

/** Absence is the positive class. */
export function absenceTable({
  absence_overall,
  absence_per_structure,
}: Pick<DetailedMetrics, 'absence_overall' | 'absence_per_structure'>): string[] {
  const headings = ['absent', 'sensitivity', 'present', 'specificity']
  const rows = [...Object.entries(absence_per_structure), ['all', absence_overall] as const].map(([name, m]) => [
    name,
    `${m.num_absent}`,
    metricText(m.sensitivity),
    `${m.num_present}`,
    metricText(m.specificity),
  ])
  return table([text('structure'), ...headings.map(number)], rows)
}

/** Bins with at least one pair. */
export function calibrationTable({ presence_calibration: { bins } }: DetailedMetrics): string[] {
  const rows = bins
    .filter(({ count }) => count > 0)
    .map(bin => [
      `${bin.low.toFixed(1)} - ${bin.high.toFixed(1)}`,
      `${bin.count}`,
      metricText(bin.mean_probability),
      metricText(bin.share_present),
    ])
  return table([text('probability'), ...['pairs', 'mean', 'present'].map(number)], rows)
}

export function segmentationTable({
  segmentation_per_structure,
  confidence_intervals,
}: Pick<DetailedMetrics, 'segmentation_per_structure' | 'confidence_intervals'>): string[] {
  const headings = ['samples', 'Dice', '± std', '95 % interval', 'IoU', '± std', 'precision', 'recall']
  const rows = Object.entries(segmentation_per_structure).map(([name, m]) => [
    name,
    `${m.num_samples}`,
    metricText(m.mean_dice),
    metricText(m.std_dice),
    intervalText(confidence_intervals.dice_per_structure[name], metricText),
    ...[m.mean_iou, m.std_iou, m.mean_precision, m.mean_recall].map(metricText),
  ])
  return table([text('structure'), ...headings.map(number)], rows)
}

export function surfaceTable({
  segmentation_per_structure,
}: Pick<DetailedMetrics, 'segmentation_per_structure'>): string[] {
  const headings = ['surfaces', 'HD95', '± std', 'distance', '± std', 'volume error', 'absolute', 'not found']
  const rows = Object.entries(segmentation_per_structure).map(([name, m]) => [
    name,
    `${m.num_surfaces}`,
    ...[m.mean_hd95, m.std_hd95, m.mean_surface_distance, m.std_surface_distance].map(distanceText),
    ...[m.mean_volume_error, m.mean_absolute_volume_error].map(metricText),
    `${m.num_empty_predictions}`,
  ])
  return table([text('structure'), ...headings.map(number)], rows)
}

export function scenarioTable({ scenario_based }: DetailedMetrics): string[] {
  const rows = Object.entries(scenario_based).map(([name, m]) => [
    name,
    `${m.num_samples}`,
    metricText(m.accuracy),
    m.avg_structures_present.toFixed(2),
    m.avg_structures_predicted.toFixed(2),
  ])
  return table([text('scenario'), ...['samples', 'accuracy', 'present', 'predicted'].map(number)], rows)
}

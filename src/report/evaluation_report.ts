import type { DetailedMetrics, OverallSegmentation } from './detailed_metrics.ts'
import { type Column, table } from './table.ts'

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

const number = (heading: string): Column => ({ heading, align: 'right' })
const text = (heading: string): Column => ({ heading, align: 'left' })

/** evaluation_report.txt: the figures of detailed_metrics.json for a reader. */
export function evaluationReport(head: ReportHead, metrics: DetailedMetrics): string {
  const structures = Object.keys(metrics.presence_per_structure).length
  const lines = [
    'SADAAN evaluation',
    '',
    `weights   ${head.weights}`,
    `dataset   ${head.dataset}, ${head.split}: ${head.samples} samples, ${structures} structures, ${head.size.join('×')}`,
    `presence  accuracy ${figure(metrics.presence_overall_accuracy)} at threshold ${head.presenceThreshold}`,
    `masks     ${overlaps(metrics.segmentation_overall)}`,
    `gated     ${overlaps(metrics.segmentation_overall_gated)}`,
    '',
    'Dice and IoU: at threshold 0.5, of the samples in which a structure is present, mean per structure, then over structures.',
    'gated: a structure that the presence detector holds to be absent gets an empty mask.',
    '',
    'Presence',
    ...presenceTable(metrics),
    '',
    'Segmentation',
    ...segmentationTable(metrics),
  ]
  if (Object.keys(metrics.scenario_based).length)
    lines.push('', 'Scenarios (accuracy: samples with every structure told rightly)', ...scenarioTable(metrics))
  return `${lines.join('\n')}\n`
}

function figure(value: number | null): string {
  return value === null ? '-' : value.toFixed(4)
}

function overlaps({ mean_dice, mean_iou }: OverallSegmentation): string {
  return `Dice ${figure(mean_dice)}, IoU ${figure(mean_iou)}`
}

function presenceTable({ presence_per_structure }: DetailedMetrics): string[] {
  const headings = ['accuracy', 'precision', 'recall', 'F1', 'AUC-ROC', 'AUC-PR', 'TP', 'TN', 'FP', 'FN']
  const rows = Object.entries(presence_per_structure).map(([name, m]) => [
    name,
    ...[m.accuracy, m.precision, m.recall, m.f1_score, m.auc_roc, m.auc_pr].map(figure),
    ...[m.true_positives, m.true_negatives, m.false_positives, m.false_negatives].map(String),
  ])
  return table([text('structure'), ...headings.map(number)], rows)
}

function segmentationTable({ segmentation_per_structure }: DetailedMetrics): string[] {
  const rows = Object.entries(segmentation_per_structure).map(([name, m]) => [
    name,
    `${m.num_samples}`,
    ...[m.mean_dice, m.std_dice, m.mean_iou, m.std_iou].map(figure),
  ])
  return table([text('structure'), ...['samples', 'Dice', '± std', 'IoU', '± std'].map(number)], rows)
}

function scenarioTable({ scenario_based }: DetailedMetrics): string[] {
  const rows = Object.entries(scenario_based).map(([name, m]) => [
    name,
    `${m.num_samples}`,
    figure(m.accuracy),
    m.avg_structures_present.toFixed(2),
    m.avg_structures_predicted.toFixed(2),
  ])
  return table([text('scenario'), ...['samples', 'accuracy', 'present', 'predicted'].map(number)], rows)
}

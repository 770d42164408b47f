import { LEAST_FOR_INTERVAL } from '../detailed_metrics.ts'
import type { PairedComparison, PairedDifference, ScoreMetrics } from '../score.ts'
import { absenceTable, presenceTable, segmentationTable, surfaceTable } from './evaluation_tables.ts'
import { distanceText, intervalText, metricText, signed, withInterval } from './number_text.ts'
import { table } from './table.ts'

/** The main metrics of a score, then its tables, for a reader. */
export function scoreTables(metrics: ScoreMetrics): string[] {
  return [
    ...mainScore(metrics),
    '',
    `In brackets: 95 % bootstrap intervals from ${metrics.confidence_intervals.resamples} resamples of the subjects,`,
    `where at least ${LEAST_FOR_INTERVAL} subjects define the metric. A dash: undefined.`,
    '',
    'Overlap (scans whose label has the structure)',
    ...segmentationTable(metrics),
    '',
    'Surface distances (mm; scans in which label and prediction have the structure)',
    'and volume errors ((predicted − true) / true)',
    ...surfaceTable(metrics),
    '',
    'Presence (of every annotated structure)',
    ...presenceTable(metrics),
    '',
    'Absence (sensitivity: fraction of the absent structures that were predicted absent;',
    'specificity: fraction of the present ones that were predicted present)',
    ...absenceTable(metrics),
    '',
    'What is predicted of a structure in scans that lack it',
    ...falseVolumeTable(metrics),
  ]
}

/** The metrics that sum up a score, in lines of at most 80 columns. */
export function mainScore(metrics: ScoreMetrics): string[] {
  const { segmentation_overall: masks, absence_overall: absence, confidence_intervals: intervals } = metrics
  return [
    `subjects  ${metrics.num_subjects}, ${metrics.num_scans} scans`,
    `masks     Dice ${withInterval(masks.mean_dice, intervals.mean_dice)}, IoU ${withInterval(masks.mean_iou, intervals.mean_iou)}`,
    `surfaces  HD95 ${withInterval(masks.mean_hd95, intervals.mean_hd95, distanceText)} mm`,
    `          mean distance ${withInterval(masks.mean_surface_distance, intervals.mean_surface_distance, distanceText)} mm`,
    `presence  accuracy ${withInterval(metrics.presence_overall_accuracy, intervals.presence_overall_accuracy)}`,
    `absence   sensitivity ${withInterval(absence.sensitivity, intervals.absence_sensitivity)} of ${absence.num_absent} absent`,
    `          specificity ${withInterval(absence.specificity, intervals.absence_specificity)} of ${absence.num_present} present`,
  ]
}

function falseVolumeTable({ false_volume_per_structure }: ScoreMetrics): string[] {
  const rows = Object.entries(false_volume_per_structure).map(([name, { num_absent, num_predicted, mean_ml }]) => [
    name,
    `${num_absent}`,
    `${num_predicted}`,
    metricText(mean_ml),
  ])
  const columns = ['absent', 'with a mask', 'mean ml'].map(heading => ({ heading, align: 'right' as const }))
  return table([{ heading: 'structure', align: 'left' }, ...columns], rows)
}

/** How a score differs from another one. */
export function comparisonTable({ against, test, only_here, only_there, differences }: PairedComparison): string[] {
  const others = [
    ...(only_here.length > 0 ? [`${only_here.length} subjects are only here`] : []),
    ...(only_there.length > 0 ? [`${only_there.length} only there`] : []),
  ]
  const columns = ['subjects', 'here', 'there', 'difference', '95 % interval', 'p']
  return [
    `Against ${against}${others.length > 0 ? ` (${others.join(', ')})` : ''}`,
    `(pairs of subjects; ${test}; not corrected for the number of rows)`,
    table(
      [{ heading: 'metric', align: 'left' }, ...columns.map(heading => ({ heading, align: 'right' as const }))],
      differences.map(differenceRow),
    ),
  ].flat()
}

function differenceRow(row: PairedDifference): string[] {
  const { metric, structure, num_subjects, mean, other_mean, difference, interval, p_value } = row
  return [
    `${metric === 'dice' ? 'Dice' : 'HD95'}, ${structure ?? 'all structures'}`,
    `${num_subjects}`,
    metricText(mean),
    metricText(other_mean),
    signed(difference),
    intervalText(interval, value => value.toFixed(4)),
    p_value === null ? metricText(null) : p_value < 1e-4 ? p_value.toExponential(1) : p_value.toFixed(4),
  ]
}

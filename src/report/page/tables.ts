import type { CaseRow } from '../case_row.ts'
import type { DetailedMetrics } from '../detailed_metrics.ts'
import { intervalLabel } from '../figures/frame.ts'
import { given, type Html, type HtmlCell, type HtmlColumn, htmlTable, tag, UNDEFINED } from './html.ts'

const WORST = 10 // rows

const name = (heading: string): HtmlColumn => ({ heading, isNumber: false })
const number = (heading: string): HtmlColumn => ({ heading, isNumber: true })
const share = (value: number | null | undefined): HtmlCell => ({ value: value ?? null, digits: 3 })
const length = (value: number | null): HtmlCell => ({ value, digits: 2 })
const count = (value: number): HtmlCell => ({ value, digits: 0 })
const none = (explanation: string): Html => tag('p', { class: 'faint' }, explanation)

/** Collapsed, since the figure above shows the same. */
function folded(title: string, table: Html): Html {
  return tag('details', {}, tag('summary', {}, title), table)
}

export function presenceTables({ presence_per_structure, absence_per_structure }: DetailedMetrics): Html[] {
  const headings = ['Accuracy', 'Precision', 'Recall', 'F1', 'AUC ROC', 'AUC PR', 'TP', 'TN', 'FP', 'FN']
  const rows = Object.entries(presence_per_structure).map(([structure, m]) => [
    given(structure),
    ...[m.accuracy, m.precision, m.recall, m.f1_score, m.auc_roc, m.auc_pr].map(share),
    ...[m.true_positives, m.true_negatives, m.false_positives, m.false_negatives].map(count),
    share(absence_per_structure[structure]?.sensitivity),
    share(absence_per_structure[structure]?.specificity),
  ])
  const columns = [name('Structure'), ...[...headings, 'Absence sens.', 'Absence spec.'].map(number)]
  return [folded('All presence metrics', htmlTable('Presence metrics of each structure', columns, rows))]
}

export function segmentationTable({
  segmentation_per_structure,
  confidence_intervals,
  distance_unit,
}: DetailedMetrics): Html {
  const columns = [
    name('Structure'),
    ...['Samples', 'Not found', 'Surfaces', 'Dice', '± std', '95 % interval', 'IoU', 'Precision', 'Recall'].map(number),
    ...[`HD95 (${distance_unit})`, `Surface (${distance_unit})`, 'Vol. error', 'Abs. vol. error'].map(number),
  ]
  const rows = Object.entries(segmentation_per_structure).map(([structure, m]) => {
    const interval = confidence_intervals.dice_per_structure[structure]
    return [
      given(structure),
      count(m.num_samples),
      count(m.num_empty_predictions),
      count(m.num_surfaces),
      ...[m.mean_dice, m.std_dice].map(share),
      interval ? intervalLabel(interval) : UNDEFINED,
      ...[m.mean_iou, m.mean_precision, m.mean_recall].map(share),
      ...[m.mean_hd95, m.mean_surface_distance].map(length),
      ...[m.mean_volume_error, m.mean_absolute_volume_error].map(share),
    ]
  })
  return htmlTable('Means over the samples in which a structure is present', columns, rows)
}

export function calibrationTable({
  presence_calibration: { bins, brier_score, expected_calibration_error: ece },
}: DetailedMetrics): Html {
  const shown = (value: number | null): Html => (value === null ? UNDEFINED : value.toFixed(4))
  const rows = bins.map(({ low, high, count: pairs, mean_probability, share_present }) => [
    `${low.toFixed(2)}–${high.toFixed(2)}`,
    count(pairs),
    share(mean_probability),
    share(share_present),
  ])
  const columns = [name('Probability'), ...['Pairs', 'Mean probability', 'Fraction present'].map(number)]
  return (
    tag(
      'p',
      {},
      `Expected calibration error ${shown(ece)}, Brier score ${shown(brier_score)}. The reliability diagram is under Presence.`,
    ) +
    folded(
      'Bins of the reliability diagram',
      htmlTable('Known pairs by predicted probability of presence', columns, rows),
    )
  )
}

export function scenarioTable({ scenario_based }: DetailedMetrics): Html {
  const entries = Object.entries(scenario_based)
  if (entries.length === 0) return none('The dataset names no scenarios.')
  const rows = entries.map(([scenario, m]) => [
    given(scenario),
    count(m.num_samples),
    share(m.accuracy),
    length(m.avg_structures_present),
    length(m.avg_structures_predicted),
  ])
  const columns = [
    name('Scenario'),
    ...['Samples', 'Scenario accuracy', 'Structures present', 'Structures predicted'].map(number),
  ]
  return htmlTable('Results by scenario', columns, rows)
}

/** The most confident wrong presence predictions, and the lowest Dice. */
export function casesTables(cases: readonly CaseRow[], unit: string): Html[] {
  const error = (row: CaseRow): number => Math.abs(row.presence_probability - row.present)
  const wrong = cases.filter(row => row.present !== row.predicted_present).sort((a, b) => error(b) - error(a))
  const low = cases.filter(row => row.dice !== null).sort((a, b) => a.dice! - b.dice!)
  const of = (rows: readonly CaseRow[]): string =>
    rows.length > WORST ? `the ${WORST} most confident of ${rows.length}` : `${rows.length}`
  return [
    wrong.length === 0
      ? none('Presence was predicted correctly for every known pair.')
      : htmlTable(`Wrong presence predictions: ${of(wrong)}`, caseColumns(unit), wrong.slice(0, WORST).map(caseCells)),
    low.length === 0
      ? none('No structure is present in any sample.')
      : htmlTable('Lowest Dice among present structures', caseColumns(unit), low.slice(0, WORST).map(caseCells)),
  ]
}

function caseColumns(unit: string): HtmlColumn[] {
  return [
    name('Structure'),
    name('Subject'),
    number('Sample'),
    name('Scenario'),
    name('Ground truth'),
    ...['Probability', 'Dice', `HD95 (${unit})`].map(number),
  ]
}

function caseCells(row: CaseRow): HtmlCell[] {
  return [
    given(row.structure),
    given(row.subject),
    count(row.sample),
    given(row.scenario),
    row.present ? 'present' : 'absent',
    share(row.presence_probability),
    share(row.dice),
    length(row.hd95),
  ]
}

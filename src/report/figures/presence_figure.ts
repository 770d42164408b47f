import { LINES } from '../chart/palette.ts'
import { picture } from '../chart/svg.ts'
import type { DetailedMetrics } from '../detailed_metrics.ts'
import { counted, type EvaluationResults, FIGURE_WIDTH, figureHead, HEAD, MARGIN, valueLabel } from './frame.ts'
import { probabilityPanel } from './probability_panel.ts'
import { reliabilityPanel } from './reliability_panel.ts'
import { shareTable, shareTableHeight } from './share_table.ts'

const PANEL = 380 // pixels, height
const GAP = 40

/** Draws presence detection (SVG): metrics of each structure, the reliability diagram, and the probabilities by ground truth. */
export function presenceFigure(results: EvaluationResults): string {
  const { metrics, head, cases } = results
  const rows = presenceRows(metrics)
  const width = FIGURE_WIDTH - 2 * MARGIN
  const below = HEAD + shareTableHeight(rows.length) + 24
  const half = (width - GAP) / 2
  const parts = [
    figureHead(`Presence, ${head.split}`, summary(metrics)),
    shareTable(
      { heading: 'structure', columns: COLUMNS, rows, noteHeading: 'present / absent' },
      { x: MARGIN, y: HEAD, width, height: shareTableHeight(rows.length) },
    ),
    reliabilityPanel(metrics.presence_calibration, { x: MARGIN, y: below, width: half, height: PANEL }),
    probabilityPanel(cases, head.presenceThreshold, { x: MARGIN + half + GAP, y: below, width: half, height: PANEL }),
  ]
  return picture(FIGURE_WIDTH, below + PANEL + MARGIN, '#ffffff', parts.join('\n'))
}

const COLUMNS = [
  ...['accuracy', 'precision', 'recall', 'F1', 'AUC ROC', 'AUC PR'].map(heading => ({ heading })),
  { heading: 'absence sens.', color: LINES[1] },
  { heading: 'absence spec.', color: LINES[1] },
]

function presenceRows({ presence_per_structure, absence_per_structure }: DetailedMetrics) {
  return Object.entries(presence_per_structure).map(([name, m]) => {
    const absence = absence_per_structure[name]
    const own = [m.accuracy, m.precision, m.recall, m.f1_score, m.auc_roc, m.auc_pr]
    return {
      name,
      values: [...own, absence?.sensitivity ?? null, absence?.specificity ?? null],
      note: `${m.support_positive} / ${m.support_negative}`,
    }
  })
}

function summary({ presence_overall_accuracy, absence_overall, confidence_intervals }: DetailedMetrics): string {
  const { num_absent, num_present, sensitivity, specificity } = absence_overall
  const { presence_overall_accuracy: accuracy, absence_sensitivity, absence_specificity } = confidence_intervals
  return [
    `accuracy ${valueLabel(presence_overall_accuracy, accuracy)} over ${counted(num_absent + num_present, 'known pair')}`,
    `absence: sensitivity ${valueLabel(sensitivity, absence_sensitivity)} of ${num_absent} absent`,
    `specificity ${valueLabel(specificity, absence_specificity)} of ${num_present} present`,
  ].join(';  ')
}

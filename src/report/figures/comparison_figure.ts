import { picture } from '../chart/svg.ts'
import {
  type ComparedRow,
  type ComparedSplit,
  diceRows,
  overallRows,
  presenceRows,
  scenarioRows,
} from '../comparison.ts'
import { LEAST_FOR_INTERVAL } from '../detailed_metrics.ts'
import { findings } from '../text/comparison_report.ts'
import { FIGURE_WIDTH, figureHead, HEAD, MARGIN } from './frame.ts'
import { gapPanel, gapPanelHeight } from './gap_panel.ts'
import { splitPanel, splitPanelHeight } from './split_panel.ts'

/** File names of the comparison figures, without extension. */
export const COMPARISON_NAMES = [
  'overall_comparison',
  'dice_by_split',
  'presence_by_split',
  'generalisation_gap',
] as const

export interface ComparisonFigure {
  figure: (typeof COMPARISON_NAMES)[number]
  splits: readonly ComparedSplit[]
}

const GAP = 36 // pixels
const WIDTH = FIGURE_WIDTH - 2 * MARGIN
const HALF = (WIDTH - GAP) / 2

/** Draws training, validation and test side by side (SVG). */
export function comparisonFigure({ figure, splits }: ComparisonFigure): string {
  if (figure === 'overall_comparison') return overall(splits)
  if (figure === 'generalisation_gap') return generalisation(splits)
  if (figure === 'dice_by_split')
    return splitFigure(
      'Dice of each structure by split',
      'Mean over the samples in which the structure is present; bars: 95 % bootstrap intervals',
      splits,
      [{ title: 'Dice', rows: diceRows(splits) }],
    )
  return splitFigure(
    'Presence of each structure by split',
    'How well the model predicts whether a structure is present',
    splits,
    [
      { title: 'Accuracy', rows: presenceRows(splits, 'accuracy') },
      { title: 'F1', rows: presenceRows(splits, 'f1_score') },
    ],
  )
}

function overall(splits: readonly ComparedSplit[]): string {
  const line = findings(splits)[0] ?? 'Main metrics'
  return splitFigure('Training, validation and test', line, splits, [
    { title: 'Main metrics', rows: overallRows(splits) },
    { title: 'Scenarios: samples with every structure predicted correctly', rows: scenarioRows(splits) },
  ])
}

/** Draws panels side by side. */
function splitFigure(
  title: string,
  line: string,
  splits: readonly ComparedSplit[],
  panels: readonly { title: string; rows: readonly ComparedRow[] }[],
): string {
  const width = panels.length > 1 ? HALF : WIDTH
  const heights = panels.map(({ rows }) => splitPanelHeight(rows.length))
  const names = splits.map(({ name }) => name)
  const parts = panels.map(({ title, rows }, i) =>
    splitPanel(title, names, rows, { x: MARGIN + i * (HALF + GAP), y: HEAD + 8, width, height: heights[i]! }),
  )
  return picture(
    FIGURE_WIDTH,
    HEAD + 8 + Math.max(...heights) + MARGIN,
    '#ffffff',
    [figureHead(title, line), ...parts].join('\n'),
  )
}

function generalisation(splits: readonly ComparedSplit[]): string {
  const panels = [
    { title: 'Dice, test − train', rows: diceRows(splits) },
    { title: 'Presence accuracy, test − train', rows: presenceRows(splits, 'accuracy') },
  ]
  const scenarios = scenarioRows(splits)
  const top = Math.max(...panels.map(({ rows }) => gapPanelHeight(rows.length)))
  const parts = panels.map(({ title, rows }, i) =>
    gapPanel(title, rows, { x: MARGIN + i * (HALF + GAP), y: HEAD + 8, width: HALF, height: top }),
  )
  const below = HEAD + 8 + top + GAP
  const box = { x: MARGIN, y: below, width: HALF, height: gapPanelHeight(scenarios.length) }
  if (scenarios.length) parts.push(gapPanel('Scenario accuracy, test − train', scenarios, box))
  const height = (scenarios.length ? below + box.height : HEAD + 8 + top) + MARGIN
  const line = `How much worse the model is on samples that it was not trained on. Pale: fewer than ${LEAST_FOR_INTERVAL} samples on train or test`
  return picture(FIGURE_WIDTH, height, '#ffffff', [figureHead('Generalisation gap', line), ...parts].join('\n'))
}

import type { CaseRow } from '../case_row.ts'
import { type BoxPlot, boxPlot } from '../chart/box_plot.ts'
import { LINES } from '../chart/palette.ts'
import { linearScale, plotAxes, type Scale, verticalGrid } from '../chart/scale.ts'
import { type Box, element, FAINT, fitted, GRID, line, picture, SMALL, text } from '../chart/svg.ts'
import { type DetailedMetrics, LEAST_FOR_INTERVAL } from '../detailed_metrics.ts'
import { counted, type EvaluationResults, FIGURE_WIDTH, figureHead, HEAD, MARGIN, valueLabel } from './frame.ts'

const ROW = 30 // pixels
const BOX = 14
const NAMES = 170
const NUMBERS = 150 // for the numbers to the right of a row
const GAP = 26
const PLOT_HEAD = 34

interface Row {
  name: string
  samples: number
  dice: BoxPlot
  hd95: BoxPlot
  /** samples with an empty prediction */
  notFound: number
}

/** Draws the Dice and the 95th percentile Hausdorff distance of every case by structure, with means and intervals (SVG). */
export function segmentationFigure({ head, metrics, cases }: EvaluationResults): string {
  const rows = rowsOf(metrics, cases)
  const width = (FIGURE_WIDTH - 2 * MARGIN - NAMES - GAP) / 2
  const plot = { x: MARGIN + NAMES, y: HEAD + PLOT_HEAD, width: width - NUMBERS, height: ROW * rows.length }
  const right = { ...plot, x: plot.x + width + GAP }
  const farthest = Math.max(1, ...rows.flatMap(({ hd95 }) => hd95.values)) * 1.04
  const unit = metrics.distance_unit === 'mm' ? 'mm' : 'voxels'
  const parts = [
    figureHead(`Segmentation, ${head.split}`, summary(metrics, unit)),
    ...rows.map((row, r) => nameOf(row, plot.y + ROW * r)),
    panel(
      'Dice where the structure is present',
      rows.map(row => row.dice),
      plot,
      linearScale([0, 1], [plot.x, plot.x + plot.width], 5),
    ),
    panel(
      `95th percentile Hausdorff distance (${unit})`,
      rows.map(row => row.hd95),
      right,
      linearScale([0, farthest], [right.x, right.x + right.width], 5),
    ),
    ...KEY.map((line, i) => text(MARGIN, plot.y + plot.height + 44 + 14 * i, line, { size: SMALL, fill: FAINT })),
  ]
  return picture(FIGURE_WIDTH, plot.y + plot.height + 58 + MARGIN, '#ffffff', parts.join('\n'))
}

const KEY = [
  'Dot: one sample; above 80 samples, the 20 worst. Box: quartiles and median; whiskers: 5th and 95th percentiles.',
  `Diamond: mean with 95 % bootstrap interval. Boxes and intervals need ${LEAST_FOR_INTERVAL} samples. Not found: empty prediction, Dice 0, no distance.`,
]

function rowsOf(
  { segmentation_per_structure, confidence_intervals }: DetailedMetrics,
  cases: readonly CaseRow[],
): Row[] {
  const byStructure = new Map<string, CaseRow[]>()
  for (const row of cases) {
    const own = byStructure.get(row.structure)
    if (own) own.push(row)
    else byStructure.set(row.structure, [row])
  }
  return Object.entries(segmentation_per_structure).map(([name, m]) => {
    const own = byStructure.get(name) ?? []
    const interval = confidence_intervals.dice_per_structure[name] ?? null
    return {
      name,
      samples: m.num_samples,
      dice: {
        values: own.flatMap(row => row.dice ?? []),
        mean: m.mean_dice,
        interval,
        color: LINES[0],
        worst: 'lowest' as const,
      },
      hd95: {
        values: own.flatMap(row => row.hd95 ?? []),
        mean: m.mean_hd95,
        color: LINES[2],
        worst: 'greatest' as const,
      },
      notFound: m.num_empty_predictions,
    }
  })
}

function summary(metrics: DetailedMetrics, unit: string): string {
  const { segmentation_overall, segmentation_overall_gated, confidence_intervals: intervals } = metrics
  const { mean_dice, mean_iou, mean_hd95 } = segmentation_overall
  return [
    `mean Dice ${valueLabel(mean_dice, intervals.mean_dice)}, IoU ${valueLabel(mean_iou, intervals.mean_iou)}`,
    `gated by presence: Dice ${valueLabel(segmentation_overall_gated.mean_dice)}`,
    `HD95 ${valueLabel(mean_hd95, intervals.mean_hd95, 2)}${mean_hd95 === null ? '' : ` ${unit}`}`,
  ].join(';  ')
}

function nameOf({ name, samples, notFound }: Row, y: number): string {
  const missing = notFound > 0 ? `, ${notFound} not found` : ''
  return element(
    'g',
    { 'data-structure': name },
    [
      line(MARGIN, y, FIGURE_WIDTH - MARGIN, y, GRID),
      text(MARGIN, y + ROW / 2 + 1, fitted(name, NAMES - 12, 11)),
      text(MARGIN, y + ROW / 2 + 12, counted(samples, 'sample') + missing, { size: 9, fill: FAINT }),
    ].join(''),
  )
}

function panel(title: string, rows: readonly BoxPlot[], plot: Box, x: Scale): string {
  const drawn = rows.map((row, r) => {
    const y = plot.y + ROW * (r + 0.5)
    const { mean, interval } = row
    const digits = title.startsWith('Dice') ? 3 : 2
    return (
      boxPlot(row, x, y, BOX) +
      text(plot.x + plot.width + 10, y + 4, valueLabel(mean, interval, digits), { size: SMALL })
    )
  })
  const heading = text(plot.x, plot.y - 12, title, { size: 13, bold: true })
  const mean = text(plot.x + plot.width + 10, plot.y - 12, 'mean', { size: SMALL, fill: FAINT })
  return element(
    'g',
    { 'data-panel': title },
    [heading, mean, ...verticalGrid(x, plot), ...plotAxes(plot, { x }), ...drawn].join('\n'),
  )
}

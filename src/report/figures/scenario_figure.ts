import { LINES } from '../chart/palette.ts'
import { linearScale, plotAxes, type Scale, verticalGrid } from '../chart/scale.ts'
import { type Box, element, FAINT, fitted, GRID, INK, line, picture, text } from '../chart/svg.ts'
import { LEAST_FOR_INTERVAL, type ScenarioMetrics } from '../detailed_metrics.ts'
import { counted, type EvaluationResults, FIGURE_WIDTH, figureHead, HEAD, intervalLabel, MARGIN } from './frame.ts'

const ROW = 34 // pixels
const NAMES = 190
const NUMBERS = 150
const GAP = 26
const PLOT_HEAD = 34
const Z = 1.96 // 97.5th percentile of the standard normal distribution

/** Draws the results by scenario (SVG): fraction of samples with every structure predicted correctly, structures present and predicted. */
export function scenarioFigure({ head, metrics }: EvaluationResults): string {
  const rows = Object.entries(metrics.scenario_based)
  const title = figureHead(`Scenarios, ${head.split}`, 'Presence prediction in the samples of each scenario')
  if (rows.length === 0) {
    const none = text(MARGIN, HEAD + 30, 'The dataset names no scenarios.', { size: 13, fill: FAINT })
    return picture(FIGURE_WIDTH, HEAD + 60, '#ffffff', title + none)
  }
  const structures = Object.keys(metrics.presence_per_structure).length
  const width = (FIGURE_WIDTH - 2 * MARGIN - NAMES - GAP) / 2
  const plot = { x: MARGIN + NAMES, y: HEAD + PLOT_HEAD, width: width - NUMBERS, height: ROW * rows.length }
  const right = { ...plot, x: plot.x + width + GAP }
  const shares = linearScale([0, 1], [plot.x, plot.x + plot.width], 5)
  const counts = linearScale([0, structures], [right.x, right.x + right.width], 6, true)
  const parts = [
    title,
    ...rows.map(([name, { num_samples }], r) => nameOf(name, num_samples, plot.y + ROW * r)),
    panel('Samples with every structure predicted correctly', plot, shares, rows, accuracyRow),
    panel('Structures per sample', right, counts, rows, countRow),
    legend(right),
    text(MARGIN, plot.y + plot.height + 44, `Bar: 95 % Wilson score interval, from ${LEAST_FOR_INTERVAL} samples.`, {
      size: 10,
      fill: FAINT,
    }),
  ]
  return picture(FIGURE_WIDTH, plot.y + plot.height + 44 + MARGIN, '#ffffff', parts.join('\n'))
}

type Row = readonly [name: string, metrics: ScenarioMetrics]

function nameOf(name: string, samples: number, y: number): string {
  return element(
    'g',
    { 'data-scenario': name },
    [
      line(MARGIN, y, FIGURE_WIDTH - MARGIN, y, GRID),
      text(MARGIN, y + ROW / 2, fitted(name, NAMES - 12, 11)),
      text(MARGIN, y + ROW / 2 + 12, counted(samples, 'sample'), { size: 9, fill: FAINT }),
    ].join(''),
  )
}

function panel(title: string, plot: Box, x: Scale, rows: readonly Row[], draw: typeof accuracyRow): string {
  const drawn = rows.map(([, metrics], r) => draw(metrics, x, plot.y + ROW * (r + 0.5), plot.x + plot.width + 10))
  const heading = text(plot.x, plot.y - 12, title, { size: 13, bold: true })
  return element(
    'g',
    { 'data-panel': title },
    [heading, ...verticalGrid(x, plot), ...plotAxes(plot, { x }), ...drawn].join('\n'),
  )
}

function accuracyRow({ accuracy, num_samples }: ScenarioMetrics, x: Scale, y: number, end: number): string {
  const interval = num_samples < LEAST_FOR_INTERVAL ? null : wilson(accuracy, num_samples)
  const bar = { 'stroke-width': '4', 'stroke-opacity': '0.35' }
  return [
    interval ? line(x.at(interval[0]), y, x.at(interval[1]), y, LINES[0], bar) : '',
    element('circle', { cx: x.at(accuracy), cy: y, r: 5, fill: LINES[0] }),
    text(end, y + 4, interval ? `${accuracy.toFixed(3)} (${intervalLabel(interval, 2)})` : accuracy.toFixed(3), {
      size: 10,
    }),
  ].join('')
}

function countRow(
  { avg_structures_present: present, avg_structures_predicted: predicted }: ScenarioMetrics,
  x: Scale,
  y: number,
  end: number,
): string {
  return [
    line(x.at(present), y, x.at(predicted), y, '#9a9a9a', { 'stroke-width': '2' }),
    element('circle', { cx: x.at(present), cy: y, r: 5.5, fill: 'none', stroke: INK, 'stroke-width': '1.6' }),
    element('circle', { cx: x.at(predicted), cy: y, r: 4, fill: LINES[1] }),
    text(end, y + 4, `${present.toFixed(2)} → ${predicted.toFixed(2)}`, { size: 10 }),
  ].join('')
}

function legend({ x, y, width }: Box): string {
  const at = x + width
  return [
    element('circle', { cx: at - 92, cy: y - 16, r: 5, fill: 'none', stroke: INK, 'stroke-width': '1.6' }),
    text(at - 83, y - 12, 'present', { size: 10 }),
    element('circle', { cx: at - 28, cy: y - 16, r: 4, fill: LINES[1] }),
    text(at - 20, y - 12, 'predicted', { size: 10 }),
  ].join('')
}

/** 95 % score interval of a proportion of `count` trials (Wilson, J. Am. Stat. Assoc. 22, 1927). */
export function wilson(share: number, count: number): [number, number] {
  const spread = Z ** 2 / count
  const centre = (share + spread / 2) / (1 + spread)
  const half = (Z / (1 + spread)) * Math.sqrt((share * (1 - share)) / count + spread / (4 * count))
  return [Math.max(0, centre - half), Math.min(1, centre + half)]
}

import { heatMap, heatMapHeight } from '../chart/heat_map.ts'
import { type Line, type LinePanel, linePanel } from '../chart/line_panel.ts'
import { LINES } from '../chart/palette.ts'
import { FAINT, fitted, picture, text } from '../chart/svg.ts'

/** Values of a metric that is logged once per epoch. Epochs count from 0; non-finite values are gaps. */
export interface EpochSeries {
  epochs: number[]
  values: number[]
}

export interface Curves {
  title: string
  /** Keyed by name in the run record, e.g. val.epoch.total_loss. */
  metrics: ReadonlyMap<string, EpochSeries>
  /** The loss terms and the structures in the order that they are shown in, whatever the order of `metrics`; it fixes a term's colour. */
  terms: readonly string[]
  structures: readonly string[]
  /** Planned number of epochs. */
  planned: number
  /** The metric that decides which model is best. */
  monitor: 'total_loss' | 'hard_dice'
}

const WIDTH = 1200 // pixels
const MARGIN = 24
const GAP = 30
const COLUMNS = 3
const PANEL_HEIGHT = 300
const HEAD = 62
const AXIS = 'epoch'

/** Draws the whole training as one figure (SVG): losses, Dice, presence, learning rate, throughput, and Dice and presence of each structure. */
export function trainingCurves(curves: Curves): string {
  const steps = epochRange(curves)
  const best = bestOf(curves)
  const mark = best && { step: best.epoch + 1, label: `best: epoch ${best.epoch + 1}` }
  const width = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
  const panels = linePanels(curves, steps, mark).map((panel, i) =>
    linePanel(panel, {
      x: MARGIN + (i % COLUMNS) * (width + GAP),
      y: HEAD + Math.floor(i / COLUMNS) * (PANEL_HEIGHT + GAP),
      width,
      height: PANEL_HEIGHT,
    }),
  )
  const below = HEAD + 2 * (PANEL_HEIGHT + GAP)
  const maps = structureMaps(curves, steps, below)
  return picture(WIDTH, below + maps.height, '#ffffff', [heading(curves, best), ...panels, ...maps.parts].join('\n'))
}

/** From 1 to the last epoch of any metric. */
function epochRange({ metrics }: Curves): [number, number] {
  let last = 1
  for (const { epochs } of metrics.values()) last = Math.max(last, (epochs.at(-1) ?? 0) + 1)
  return [1, last]
}

function bestOf({ metrics, monitor }: Curves): { epoch: number; value: number } | undefined {
  const series = metrics.get(`val.epoch.${monitor}`)
  let best: { epoch: number; value: number } | undefined
  for (const [i, value] of series?.values.entries() ?? []) {
    const isBetter = best === undefined || (monitor === 'total_loss' ? value < best.value : value > best.value)
    if (Number.isFinite(value) && isBetter) best = { epoch: series!.epochs[i]!, value }
  }
  return best
}

function heading(curves: Curves, best: { epoch: number; value: number } | undefined): string {
  const [, done] = epochRange(curves)
  const monitored = curves.monitor === 'total_loss' ? 'validation loss' : 'hard Dice'
  const bestText = best ? `, best ${monitored} ${best.value.toPrecision(4)} at epoch ${best.epoch + 1}` : ''
  return [
    text(MARGIN, 28, fitted(curves.title, WIDTH - 3 * MARGIN, 17), { size: 17, bold: true }),
    text(MARGIN, 47, `${done} of ${curves.planned} epochs${bestText}`, { size: 12, fill: FAINT }),
  ].join('\n')
}

function linePanels(curves: Curves, steps: [number, number], mark: LinePanel['mark']): LinePanel[] {
  const { metrics } = curves
  const both = (metric: string): Line[] => [
    ...lineOf(metrics, `train.epoch.${metric}`, 'training', LINES[0]),
    ...lineOf(metrics, `val.epoch.${metric}`, 'validation', LINES[1]),
  ]
  const dice = [
    ...lineOf(metrics, 'train.epoch.mean_dice', 'training, soft', LINES[0]),
    ...lineOf(metrics, 'val.epoch.mean_dice', 'validation, soft', LINES[1]),
    ...lineOf(metrics, 'val.epoch.hard_dice', 'validation, at 0.5', LINES[2]),
  ]
  const rate = lineOf(metrics, 'train.learning_rate', 'learning rate', LINES[0])
  const speed = lineOf(metrics, 'system.samples_per_second', 'samples/s', LINES[0])
  const common = { steps, axis: AXIS }
  return [
    { ...common, title: 'Loss', lines: both('total_loss'), mayBeLogarithmic: true, mark },
    { ...common, ...lossTerms(curves), mayBeLogarithmic: true },
    { ...common, title: 'Mean Dice of present structures', lines: dice, range: [0, 1], mark },
    { ...common, title: 'Presence accuracy', lines: both('presence_accuracy'), range: [0, 1] },
    { ...common, title: 'Learning rate', lines: rate, mayBeLogarithmic: true },
    { ...common, title: 'Throughput (samples/s)', lines: speed, range: [0, 0] },
  ]
}

/** Validation loss terms, or training loss terms before the first validation. Terms that are always 0 are omitted. */
function lossTerms({ metrics, terms }: Curves): Pick<LinePanel, 'title' | 'lines'> {
  const split = metrics.has('val.epoch.total_loss') ? 'val' : 'train'
  const lines = terms.flatMap((term, i) => {
    const name = `${split}.epoch.${term}`
    if (!metrics.get(name)?.values.some(value => value !== 0)) return []
    return lineOf(metrics, name, term.replaceAll('_', ' '), LINES[i % LINES.length]!, i >= LINES.length)
  })
  return { title: `Loss terms (${split === 'val' ? 'validation' : 'training'}, unweighted)`, lines }
}

function lineOf(metrics: Curves['metrics'], metric: string, name: string, color: string, dashed = false): Line[] {
  const series = metrics.get(metric)
  if (!series) return []
  return [{ name, color, dashed, xs: series.epochs.map(epoch => epoch + 1), ys: series.values }]
}

/** Dice and presence of each structure, side by side; empty before the first validation. */
function structureMaps(
  { metrics, structures }: Curves,
  steps: [number, number],
  y: number,
): { parts: string[]; height: number } {
  const rowsOf = (prefix: string) =>
    structures.flatMap(name => {
      const series = metrics.get(prefix + name)
      return series ? [{ name, xs: series.epochs.map(epoch => epoch + 1), ys: series.values }] : []
    })
  const maps = [
    { title: 'Dice of each structure (validation, soft)', rows: rowsOf('val.dice.') },
    { title: 'Presence accuracy of each structure (validation)', rows: rowsOf('val.presence_accuracy.') },
  ].filter(({ rows }) => rows.length > 0)
  const width = (WIDTH - 2 * MARGIN - GAP) / 2
  const parts = maps.map(({ title, rows }, i) => {
    const box = { x: MARGIN + i * (width + GAP), y, width, height: heatMapHeight(rows.length) }
    return heatMap({ title, rows, steps, axis: AXIS }, box)
  })
  return { parts, height: Math.max(0, ...maps.map(({ rows }) => heatMapHeight(rows.length))) }
}

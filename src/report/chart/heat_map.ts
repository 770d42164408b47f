import { UNDEFINED } from '../../util/statistics.ts'
import { viridis } from './palette.ts'
import { linearScale, type Scale, ticksBelow } from './scale.ts'
import { type Box, element, FAINT, fitted, rectangle, SMALL, text } from './svg.ts'

/** Values between 0 and 1, one row per name: for more series than a line chart can show. */
export interface HeatMap {
  title: string
  rows: readonly { name: string; xs: readonly number[]; ys: readonly number[] }[]
  steps: readonly [number, number]
  axis: string
}

const ROW = 16 // pixels
const NAMES = 150
const LAST = 44 // for the last value, to the right of a row
const HEAD = 34
const FOOT = 36

/** Height of a map with this many rows. */
export function heatMapHeight(rows: number): number {
  return HEAD + ROW * rows + FOOT
}

/** Draws the title, the colour bar and one row of cells per series, with its name and last value. Steps without a value stay grey. */
export function heatMap({ title, rows, steps, axis }: HeatMap, box: Box): string {
  const plot = { x: box.x + NAMES, y: box.y + HEAD, width: box.width - NAMES - LAST, height: ROW * rows.length }
  const [first, last] = steps
  const range: [number, number] = [first - 0.5, last + 0.5]
  const x = linearScale(range, [plot.x, plot.x + plot.width], 8, true)
  const parts = [text(box.x, box.y + 12, title, { size: 13, bold: true }), ...viridisColorBar(plot, box.y)]
  parts.push(rectangle(plot.x, plot.y, plot.width, plot.height, { fill: '#d9d9d9' }))
  for (const [i, row] of rows.entries()) parts.push(drawnRow(row, plot.y + ROW * i, plot, x))
  parts.push(...footer(x, plot, axis))
  return element('g', { 'data-panel': title }, parts.join('\n'))
}

function drawnRow({ name, xs, ys }: HeatMap['rows'][number], y: number, plot: Box, x: Scale): string {
  const cells = cellsOf(xs, ys, plot.width).map(({ from, to, value }) => {
    const left = Math.max(plot.x, x.at(from))
    return rectangle(left, y, x.at(to) - left, ROW - 1, { fill: viridis(value) })
  })
  const latest = ys.findLast(Number.isFinite)
  const label = text(plot.x - 6, y + ROW - 4.5, fitted(name, NAMES - 10, SMALL), { size: SMALL, anchor: 'end' })
  const value = latest === undefined ? UNDEFINED : latest.toFixed(3)
  const latestValue = text(plot.x + plot.width + 6, y + ROW - 4.5, value, { size: SMALL, fill: FAINT })
  return element(
    'g',
    { 'data-series': name },
    label + element('g', { 'shape-rendering': 'crispEdges' }, cells.join('')) + latestValue,
  )
}

/** A cell covers the steps from `from` to `to`. */
interface Cell {
  from: number
  to: number
  value: number
}

/**
 * The cell of a value extends back by the median distance between values, since validation may run only every few epochs. If there are
 * more values than pixels, neighbours share a cell that shows their mean.
 */
function cellsOf(xs: readonly number[], ys: readonly number[], pixels: number): Cell[] {
  const distances = xs.slice(1).map((x, i) => x - xs[i]!)
  const usual = distances.sort((a, b) => a - b)[distances.length >> 1] ?? 1
  const single = xs
    .map((x, i) => ({ from: x + 0.5 - usual, to: x + 0.5, value: ys[i]! }))
    .filter(({ value }) => Number.isFinite(value))
  const together = Math.ceil(single.length / pixels)
  if (together <= 1) return single
  return Array.from({ length: Math.ceil(single.length / together) }, (_, i) => {
    const group = single.slice(i * together, (i + 1) * together)
    const value = group.reduce((sum, cell) => sum + cell.value, 0) / group.length
    return { from: group[0]!.from, to: group.at(-1)!.to, value }
  })
}

/** Colour bar from 0 to 1, above the right end of the rows. */
function viridisColorBar(plot: Box, top: number): string[] {
  const [width, right] = [96, plot.x + plot.width]
  const left = right - width - 14
  const swatches = Array.from({ length: 24 }, (_, i) =>
    rectangle(left + (i * width) / 24, top + 4, width / 24 + 0.3, 9, { fill: viridis((i + 0.5) / 24) }),
  )
  const low = text(left - 5, top + 12, '0', { size: SMALL, anchor: 'end', fill: FAINT })
  return [...swatches, low, text(right - 9, top + 12, '1', { size: SMALL, fill: FAINT })]
}

function footer(x: Scale, plot: Box, axis: string): string[] {
  const bottom = plot.y + plot.height
  return [...ticksBelow(x, bottom), text(plot.x + plot.width / 2, bottom + 29, axis, { anchor: 'middle', fill: FAINT })]
}

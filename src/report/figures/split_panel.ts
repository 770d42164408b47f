import { UNDEFINED } from '../../util/statistics.ts'
import { LINES } from '../chart/palette.ts'
import { linearScale, plotAxes, type Scale, verticalGrid } from '../chart/scale.ts'
import { type Box, element, FAINT, fitted, line, rectangle, SMALL, text } from '../chart/svg.ts'
import type { ComparedRow } from '../comparison.ts'

const ROW = 26 // pixels
const NAMES = 170
const NUMBER = 46
const HEAD = 40
const FOOT = 24
const SPREAD = 6 // vertical distance between the dots of one row

/** Colours of training, validation, test. */
const SPLIT_COLORS = [LINES[2], LINES[4], LINES[0]] as const

/** Height of a panel with this many rows. */
export function splitPanelHeight(rows: number): number {
  return HEAD + ROW * Math.max(1, rows) + FOOT
}

/** Draws one row per name: a dot per split on an axis from 0 to 1, its interval if known, and the numbers. */
export function splitPanel(title: string, splits: readonly string[], rows: readonly ComparedRow[], box: Box): string {
  const plot = {
    x: box.x + NAMES,
    y: box.y + HEAD,
    width: box.width - NAMES - NUMBER * splits.length - 6,
    height: ROW * Math.max(1, rows.length),
  }
  const x = linearScale([0, 1], [plot.x, plot.x + plot.width], 5)
  const end = (s: number): number => plot.x + plot.width + NUMBER * (s + 1)
  const heads = splits.map((split, s) =>
    text(end(s), plot.y - 8, split, { size: SMALL, anchor: 'end', fill: SPLIT_COLORS[s]!, bold: true }),
  )
  const middle = (r: number): number => plot.y + ROW * (r + 0.5)
  const stripes = rows.map((_, r) =>
    r % 2 ? '' : rectangle(box.x - 4, middle(r) - ROW / 2, box.width + 8, ROW, { fill: '#f7f7f7' }),
  )
  const drawn = rows.map((row, r) => {
    const label = text(box.x, middle(r) + 4, fitted(row.name, NAMES - 12, 11))
    return element('g', { 'data-row': row.name }, label + marksOf(row, x, middle(r), end))
  })
  const none = rows.length ? '' : text(box.x, plot.y + 17, 'not in any of the files', { fill: FAINT })
  const heading = text(box.x, box.y + 14, title, { size: 13, bold: true })
  const axes = rows.length ? plotAxes(plot, { x }) : []
  return element(
    'g',
    { 'data-panel': title },
    [heading, ...heads, ...stripes, ...verticalGrid(x, plot), ...axes, ...drawn, none].join('\n'),
  )
}

/** The dot of each split over its interval, and its number at `end`. */
function marksOf({ values, intervals }: ComparedRow, x: Scale, y: number, end: (split: number) => number): string {
  const marks = values.map((value, s) => {
    const number = text(end(s), y + 4, value === null ? UNDEFINED : value.toFixed(3), { size: SMALL, anchor: 'end' })
    if (value === null) return number
    const at = y + SPREAD * (s - (values.length - 1) / 2)
    const color = SPLIT_COLORS[s]!
    const bar = { 'stroke-width': '3', 'stroke-opacity': '0.35' }
    const interval = intervals[s]
    return [
      interval ? line(x.at(interval[0]), at, x.at(interval[1]), at, color, bar) : '',
      element('circle', { cx: x.at(value), cy: at, r: 3.6, fill: color }),
      number,
    ].join('')
  })
  return marks.join('')
}

import { LINES } from '../chart/palette.ts'
import { linearScale, plotAxes } from '../chart/scale.ts'
import { type Box, element, FAINT, fitted, INK, line, rectangle, SMALL, text } from '../chart/svg.ts'
import { byGap, type ComparedRow, gapOf, isChancy } from '../comparison.ts'
import { signed } from '../text/number_text.ts'

const ROW = 22 // pixels
const NAMES = 160
const NUMBER = 52
const HEAD = 40
const FOOT = 24
const LEAST = 0.05 // the axis shows at least this

/** Height of a panel with this many rows. */
export function gapPanelHeight(rows: number): number {
  return HEAD + ROW * Math.max(1, rows) + FOOT
}

/** Draws test minus training as bars around zero, largest drop first; pale if from too few samples; rows without a gap last. */
export function gapPanel(title: string, rows: readonly ComparedRow[], box: Box): string {
  const gaps = byGap(rows)
  const plot = {
    x: box.x + NAMES,
    y: box.y + HEAD,
    width: box.width - NAMES - NUMBER,
    height: ROW * Math.max(1, rows.length),
  }
  const most = 1.1 * Math.max(LEAST, ...gaps.map(({ gap }) => Math.abs(gap)))
  const x = linearScale([-most, most], [plot.x, plot.x + plot.width], 4)
  const bars = gaps.map(({ row, gap }, r) => {
    const y = plot.y + ROW * r
    const [left, right] = [Math.min(x.at(0), x.at(gap)), Math.max(x.at(0), x.at(gap))]
    const fill = gap < 0 ? LINES[1] : LINES[0]
    return element(
      'g',
      { 'data-row': row.name },
      [
        text(box.x, y + 15, fitted(row.name, NAMES - 12, 11)),
        rectangle(left, y + 5, Math.max(0.8, right - left), ROW - 10, {
          fill,
          'fill-opacity': isChancy(row) ? '0.3' : undefined,
        }),
        text(box.x + box.width, y + 15, signed(gap), {
          size: SMALL,
          anchor: 'end',
        }),
      ].join(''),
    )
  })
  const undefinedRows = rows
    .filter(row => gapOf(row) === null)
    .map((row, r) => {
      const y = plot.y + ROW * (gaps.length + r) + 15
      const dash = text(box.x + box.width, y, signed(null), { size: SMALL, anchor: 'end', fill: FAINT })
      return element('g', { 'data-row': row.name }, text(box.x, y, fitted(row.name, NAMES - 12, 11)) + dash)
    })
  const isEmpty = rows.length === 0
  const parts = [
    text(box.x, box.y + 14, title, { size: 13, bold: true }),
    isEmpty ? '' : text(x.at(0) - 6, plot.y - 8, '← worse on test', { size: 10, anchor: 'end', fill: LINES[1] }),
    isEmpty ? '' : text(x.at(0) + 6, plot.y - 8, 'better →', { size: 10, fill: LINES[0] }),
    ...(isEmpty ? [text(box.x, plot.y + 15, 'not in any of the files', { fill: FAINT })] : plotAxes(plot, { x })),
    ...bars,
    ...undefinedRows,
    isEmpty ? '' : line(x.at(0), plot.y, x.at(0), plot.y + plot.height, INK),
  ]
  return element('g', { 'data-panel': title }, parts.join('\n'))
}

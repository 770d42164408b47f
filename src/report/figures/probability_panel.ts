import type { CaseRow } from '../case_row.ts'
import { LINES } from '../chart/palette.ts'
import { linearScale, plotAxes } from '../chart/scale.ts'
import { type Box, element, FAINT, INK, line, rectangle, text } from '../chart/svg.ts'

const BINS = 25
const LEFT = 46

/** Draws histograms of the predicted probability: present pairs up, absent pairs down. The less they overlap, the better. */
export function probabilityPanel(cases: readonly CaseRow[], threshold: number, box: Box): string {
  const plot = { x: box.x + LEFT, y: box.y + 40, width: box.width - LEFT - 8, height: box.height - 40 - 40 }
  const present = histogram(cases.filter(row => row.present === 1))
  const absent = histogram(cases.filter(row => row.present === 0))
  const most = Math.max(0.001, ...present, ...absent)
  const x = linearScale([0, 1], [plot.x, plot.x + plot.width], 5)
  const middle = plot.y + plot.height / 2
  const length = plot.height / 2 - 22
  const bars = (shares: readonly number[], up: boolean, color: string): string[] =>
    shares.flatMap((share, i) => {
      if (share === 0) return []
      const height = Math.max(1, (share / most) * length)
      const left = x.at(i / BINS) + 0.6
      return [rectangle(left, up ? middle - height : middle, plot.width / BINS - 1.2, height, { fill: color })]
    })
  const count = (value: 0 | 1): number => cases.filter(row => row.present === value).length
  const parts = [
    text(box.x, box.y + 12, 'Predicted probability by ground truth', { size: 13, bold: true }),
    text(box.x, box.y + 29, 'fraction of the present pairs (up) and of the absent pairs (down)', {
      size: 11,
      fill: FAINT,
    }),
    ...plotAxes(plot, { x }),
    ...bars(present, true, LINES[0]),
    ...bars(absent, false, LINES[1]),
    line(plot.x, middle, plot.x + plot.width, middle, FAINT),
    text(plot.x + 8, plot.y + 16, `present (${count(1)})`, { fill: LINES[0], bold: true }),
    text(plot.x + 8, plot.y + plot.height - 8, `absent (${count(0)})`, { fill: LINES[1], bold: true }),
    ...thresholdMark(x.at(Math.max(0, Math.min(1, threshold))), plot, threshold),
    text(plot.x + plot.width / 2, box.y + box.height - 4, 'predicted probability of presence', {
      anchor: 'middle',
      fill: FAINT,
    }),
  ]
  return element('g', { 'data-panel': 'probabilities' }, parts.join('\n'))
}

function thresholdMark(at: number, plot: Box, threshold: number): string[] {
  const isRight = at > plot.x + plot.width / 2
  return [
    line(at, plot.y, at, plot.y + plot.height, INK, { 'stroke-dasharray': '2 3' }),
    text(at + (isRight ? -5 : 5), plot.y + 16, `threshold ${threshold}`, {
      size: 10,
      anchor: isRight ? 'end' : 'start',
    }),
  ]
}

/** Fraction of the pairs in each bin. */
function histogram(cases: readonly CaseRow[]): number[] {
  const shares = new Array<number>(BINS).fill(0)
  for (const { presence_probability } of cases) {
    const bin = Math.max(0, Math.min(BINS - 1, Math.floor(presence_probability * BINS)))
    shares[bin]! += 1 / cases.length
  }
  return shares
}

import { LINES } from '../chart/palette.ts'
import { linearScale, plotAxes } from '../chart/scale.ts'
import { type Box, element, FAINT, line, rectangle, text } from '../chart/svg.ts'
import type { Calibration } from '../detailed_metrics.ts'
import { valueLabel } from './frame.ts'

const BARS = 64 // pixels, height of the histogram
const LEFT = 46

/** Draws the reliability diagram: fraction of pairs that are present against predicted probability. Below it, the pairs per bin. */
export function reliabilityPanel(
  { bins, expected_calibration_error: ece, brier_score }: Calibration,
  box: Box,
): string {
  const plot = { x: box.x + LEFT, y: box.y + 40, width: box.width - LEFT - 8, height: box.height - 40 - BARS - 56 }
  const x = linearScale([0, 1], [plot.x, plot.x + plot.width], 5)
  const y = linearScale([0, 1], [plot.y + plot.height, plot.y], 5)
  const filled = bins.flatMap((bin, b) =>
    bin.mean_probability === null || bin.share_present === null
      ? []
      : [{ bin: b, at: x.at(bin.mean_probability), y: y.at(bin.share_present), on: y.at(bin.mean_probability) }],
  )
  // an empty bin is a gap
  const follows = (i: number): boolean => i > 0 && filled[i - 1]!.bin === filled[i]!.bin - 1
  const gaps = filled.map(point =>
    line(point.at, point.on, point.at, point.y, LINES[1], { 'stroke-width': '3', 'stroke-opacity': '0.45' }),
  )
  const path = filled
    .map((point, i) => `${follows(i) ? 'L' : 'M'}${point.at.toFixed(1)} ${point.y.toFixed(1)}`)
    .join('')
  const dots = filled.map(point => element('circle', { cx: point.at, cy: point.y, r: 3.6, fill: LINES[0] }))
  const subtitle = `expected calibration error (ECE) ${valueLabel(ece)},  Brier score ${valueLabel(brier_score)}`
  const parts = [
    text(box.x, box.y + 12, 'Reliability diagram', { size: 13, bold: true }),
    text(box.x, box.y + 29, subtitle, { size: 11, fill: FAINT }),
    ...plotAxes(plot, { y }),
    line(x.at(0), y.at(0), x.at(1), y.at(1), '#9a9a9a', { 'stroke-dasharray': '4 3' }),
    ...gaps,
    path === '' ? '' : element('path', { d: path, fill: 'none', stroke: LINES[0], 'stroke-width': '1.8' }),
    ...dots,
    text(plot.x + 8, plot.y + 16, 'fraction present', { size: 10, fill: FAINT }),
    ...counts(bins, { x: plot.x, y: plot.y + plot.height + 16, width: plot.width, height: BARS }),
    text(plot.x + plot.width / 2, box.y + box.height - 4, 'predicted probability of presence', {
      anchor: 'middle',
      fill: FAINT,
    }),
  ]
  return element('g', { 'data-panel': 'reliability' }, parts.join('\n'))
}

function counts(bins: Calibration['bins'], plot: Box): string[] {
  const most = Math.max(1, ...bins.map(({ count }) => count))
  const x = linearScale([0, 1], [plot.x, plot.x + plot.width], 5)
  const y = linearScale([0, 1.3 * most], [plot.y + plot.height, plot.y], 2)
  const bars = bins.flatMap(({ low, high, count }) => {
    const [left, right, top] = [x.at(low) + 1, x.at(high) - 1, y.at(count)]
    const bar = rectangle(left, top, right - left, plot.y + plot.height - top, { fill: '#b8c4cf' })
    return count === 0
      ? []
      : [bar, text((left + right) / 2, top - 3, `${count}`, { size: 9, anchor: 'middle', fill: FAINT })]
  })
  return [
    ...plotAxes(plot, { x }),
    ...bars,
    text(plot.x - 5, plot.y + 10, 'pairs', { size: 10, fill: FAINT, anchor: 'end' }),
  ]
}

import { quantile } from '../../util/statistics.ts'
import { type Interval, LEAST_FOR_INTERVAL } from '../detailed_metrics.ts'
import type { Scale } from './scale.ts'
import { coordinate, element, INK, line, rectangle } from './svg.ts'

/** Values, and their mean with its interval. */
export interface BoxPlot {
  values: readonly number[]
  mean: number | null
  interval?: Interval
  color: string
  /** which end gets dots when there are many values */
  worst: 'lowest' | 'greatest'
}

const MOST_DOTS = 80 // beyond this number, only the worst values get dots
const WORST_DOTS = 20

/**
 * Draws a horizontal box plot: quartiles and median, whiskers at the 5th and 95th percentiles, one dot per value, the mean as a diamond
 * over a bar for its interval. Too few values for an interval have no quartiles either, only dots.
 */
export function boxPlot(
  { values, mean, interval, color, worst }: BoxPlot,
  x: Scale,
  y: number,
  height: number,
): string {
  const sorted = [...values].sort((a, b) => a - b)
  const parts = sorted.length < LEAST_FOR_INTERVAL ? [] : quartiles(sorted, color, x, y, height)
  if (sorted.length > 0) parts.splice(2, 0, dots(worstOf(sorted, worst), x, y, height, color))
  if (interval)
    parts.push(line(x.at(interval[0]), y, x.at(interval[1]), y, INK, { 'stroke-width': '3', 'stroke-opacity': '0.75' }))
  if (mean !== null) parts.push(diamond(x.at(mean), y))
  return parts.join('')
}

/** Whiskers, box and median. */
function quartiles(sorted: readonly number[], color: string, x: Scale, y: number, height: number): string[] {
  const [p5, q1, median, q3, p95] = [0.05, 0.25, 0.5, 0.75, 0.95].map(share => x.at(quantile(sorted, share))) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const [top, bottom] = [y - height / 2, y + height / 2]
  return [
    line(p5, y, p95, y, color, { 'stroke-opacity': '0.6' }),
    rectangle(q1, top, Math.max(1, q3 - q1), height, {
      fill: color,
      'fill-opacity': '0.16',
      stroke: color,
      'stroke-opacity': '0.6',
    }),
    line(median, top, median, bottom, color, { 'stroke-width': '2' }),
  ]
}

function worstOf(sorted: readonly number[], worst: BoxPlot['worst']): readonly number[] {
  if (sorted.length <= MOST_DOTS) return sorted
  return worst === 'lowest' ? sorted.slice(0, WORST_DOTS) : sorted.slice(-WORST_DOTS)
}

/** Draws all dots as one path to keep the SVG small, with vertical jitter so that equal values stay visible. */
function dots(values: readonly number[], x: Scale, y: number, height: number, color: string): string {
  const path = values.map((value, i) => {
    const shift = ((((i * 7) % 5) - 2) / 2) * (height / 2 - 2)
    return `M${coordinate(x.at(value))} ${coordinate(y + shift)}h.01`
  })
  const stroke = { stroke: color, 'stroke-width': '3.4', 'stroke-linecap': 'round', 'stroke-opacity': '0.55' }
  return element('path', { d: path.join(''), fill: 'none', ...stroke })
}

function diamond(x: number, y: number): string {
  const [left, top, right, bottom] = [x - 5, y - 5, x + 5, y + 5].map(coordinate)
  const d = `M${left} ${coordinate(y)}L${coordinate(x)} ${top}L${right} ${coordinate(y)}L${coordinate(x)} ${bottom}Z`
  return element('path', { d, fill: '#ffffff', stroke: INK, 'stroke-width': '1.5' })
}

import { extent, linearScale, logScale, paddedDecades, paddedRange, plotAxes, type Scale } from './scale.ts'
import { type Box, coordinate, element, FAINT, fitted, INK, line, SMALL, text, widthOf } from './svg.ts'

/** Values over ascending steps. Non-finite values are gaps. */
export interface Line {
  name: string
  color: string
  xs: readonly number[]
  ys: readonly number[]
  dashed?: boolean
}

export interface LinePanel {
  title: string
  lines: readonly Line[]
  /** First and last step, the same for all panels of a figure. */
  steps: readonly [number, number]
  /** The axis covers at least this range. By default it fits the values. */
  range?: readonly [number, number]
  /** Uses a logarithmic scale if all values are positive and their ratio is large. */
  mayBeLogarithmic?: boolean
  /** A step to mark, and its label. */
  mark?: { step: number; label: string } | undefined
  /** Label of the horizontal axis. */
  axis: string
}

const LEGEND_LINE = 15
const LEFT = 46
const DECADES_FROM = 20 // ratio of maximum to minimum from which the scale is logarithmic
const FEW = 40 // up to this number of values, each gets a dot

/** Draws title, legend, axes and lines within `box`. */
export function linePanel(panel: LinePanel, box: Box): string {
  const { lines, rows } = legend(panel.lines, box)
  const top = box.y + 24 + LEGEND_LINE * rows
  const plot = { x: box.x + LEFT, y: top, width: box.width - LEFT - 8, height: box.y + box.height - 34 - top }
  const x = linearScale(stepRange(panel.steps), [plot.x, plot.x + plot.width], 6, true)
  const y = verticalScale(panel, [plot.y + plot.height, plot.y])
  const parts = [text(box.x, box.y + 12, panel.title, { size: 13, bold: true }), ...lines, ...plotAxes(plot, { x, y })]
  parts.push(text(plot.x + plot.width / 2, plot.y + plot.height + 29, panel.axis, { anchor: 'middle', fill: FAINT }))
  if (panel.mark) parts.push(markOf(panel.mark, plot, x))
  for (const each of panel.lines) parts.push(drawn(each, x, y, plot.width))
  if (!panel.lines.some(({ ys }) => ys.some(Number.isFinite)))
    parts.push(
      text(plot.x + plot.width / 2, plot.y + plot.height / 2, 'no values yet', { anchor: 'middle', fill: FAINT }),
    )
  return element('g', { 'data-panel': panel.title }, parts.join('\n'))
}

/** A single step gets room on both sides. */
function stepRange([first, last]: readonly [number, number]): [number, number] {
  return first === last ? [first - 0.5, last + 0.5] : [first, last]
}

/** Legend above the plot, wrapped into rows. A single line needs none: the title names it. */
function legend(lines: readonly Line[], box: Box): { lines: string[]; rows: number } {
  if (lines.length < 2) return { lines: [], rows: 0 }
  const parts: string[] = []
  let [x, row] = [0, 0]
  for (const { name, color, dashed } of lines) {
    const shown = fitted(name, box.width - 30, SMALL)
    const width = 22 + widthOf(shown, SMALL) + 10
    if (x > 0 && x + width > box.width) [x, row] = [0, row + 1]
    const y = box.y + 28 + LEGEND_LINE * row
    parts.push(line(box.x + x, y, box.x + x + 16, y, color, strokeOf(dashed)))
    parts.push(text(box.x + x + 21, y + 3.5, shown, { size: SMALL }))
    x += width
  }
  return { lines: parts, rows: row + 1 }
}

function strokeOf(dashed: boolean | undefined) {
  return { 'stroke-width': 1.8, 'stroke-dasharray': dashed ? '5 3' : undefined }
}

function verticalScale({ lines, range, mayBeLogarithmic }: LinePanel, pixels: [number, number]): Scale {
  const found = extent(lines.flatMap(({ ys }) => ys)) ?? [0, 1]
  if (mayBeLogarithmic && found[0] > 0 && found[1] / found[0] >= DECADES_FROM)
    return logScale(paddedDecades(found), pixels)
  if (!range) return linearScale(paddedRange(found), pixels, 5)
  const [low, high] = range
  return linearScale([Math.min(low, found[0]), found[1] <= high ? high : paddedRange(found)[1]], pixels, 5)
}

function markOf({ step, label }: { step: number; label: string }, plot: Box, x: Scale): string {
  const at = x.at(step)
  const isRight = at > plot.x + plot.width / 2
  const anchor = isRight ? 'end' : 'start'
  return [
    line(at, plot.y, at, plot.y + plot.height, FAINT, { 'stroke-dasharray': '2 3' }),
    text(at + (isRight ? -4 : 4), plot.y + 12, label, { size: SMALL, anchor, fill: INK }),
  ].join('')
}

/** Draws a line, broken at gaps. Values get dots if there are few, or if they stand alone between gaps. */
function drawn(given: Line, x: Scale, y: Scale, pixels: number): string {
  const { name, color, dashed } = given
  const { xs, ys } = thinned(given, pixels)
  const isThere = (i: number): boolean => Number.isFinite(ys[i] ?? Number.NaN)
  let path = ''
  let dots = ''
  for (const [i, value] of ys.entries()) {
    if (!isThere(i)) continue
    const [px, py] = [coordinate(x.at(xs[i]!)), coordinate(y.at(value))]
    path += `${isThere(i - 1) ? 'L' : 'M'}${px} ${py}`
    if (ys.length <= FEW || (!isThere(i - 1) && !isThere(i + 1))) dots += element('circle', { cx: px, cy: py, r: 2.2 })
  }
  const stroke = element('path', {
    d: path,
    fill: 'none',
    stroke: color,
    ...strokeOf(dashed),
    'stroke-linejoin': 'round',
  })
  return element('g', { 'data-series': name, fill: color }, stroke + dots)
}

/** Keeps about four values per pixel: the first, minimum, maximum and last. */
function thinned({ xs, ys }: Line, pixels: number): { xs: number[]; ys: number[] } {
  if (ys.length <= 4 * pixels) return { xs: [...xs], ys: [...ys] }
  const kept = new Set<number>()
  const share = ys.length / pixels
  for (let pixel = 0; pixel < pixels; pixel++) {
    const [from, to] = [Math.floor(pixel * share), Math.min(ys.length, Math.floor((pixel + 1) * share))]
    let [least, greatest] = [from, from]
    for (let i = from; i < to; i++) {
      if (!(ys[i]! >= ys[least]!)) least = i
      if (!(ys[i]! <= ys[greatest]!)) greatest = i
    }
    for (const i of [from, least, greatest, to - 1]) kept.add(i)
  }
  const order = [...kept].sort((a, b) => a - b)
  return { xs: order.map(i => xs[i]!), ys: order.map(i => ys[i]!) }
}

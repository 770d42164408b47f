import { h, type JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { numberText } from '../data/text.ts'

interface Line {
  label: string
  color: string
  dash: readonly number[]
  xs: readonly number[]
  values: readonly (number | null)[]
}

/** A part of the x axis. */
export interface Zoom {
  from: number
  to: number
}

interface ChartProps {
  title: string
  xTitle: string
  lines: readonly Line[]
  isLog: boolean
  zoom: Zoom | undefined
  onZoom: (zoom: Zoom | undefined) => void
}

const HEIGHT = 220
const FONT = '12px system-ui, sans-serif'

/** Lines over one x axis. Dragging zooms, a double click shows all again. */
export function Chart(props: ChartProps): JSX.Element {
  const { title, lines, isLog, zoom } = props
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const zoomed = useRef(props.onZoom)
  zoomed.current = props.onZoom
  const isDark = useDark()
  const data = dataOf(lines, isLog)
  const shape = [title, isLog, isDark, props.xTitle, ...lines.flatMap(({ label, color }) => [label, color])].join('\n')
  useEffect(() => {
    const options = optionsOf(props, isDark, place.current!.clientWidth, chosen => zoomed.current(chosen))
    const made = new uPlot(options, data, place.current!)
    plot.current = made
    const observer = new ResizeObserver(([entry]) =>
      made.setSize({ width: Math.floor(entry!.contentRect.width), height: HEIGHT }),
    )
    observer.observe(place.current!)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [shape])
  useEffect(() => {
    plot.current!.setData(data, false)
    const xs = data[0]
    const [min, max] = zoom ? [zoom.from, zoom.to] : [xs[0] ?? 0, xs.at(-1) ?? 1]
    plot.current!.setScale('x', { min, max: max > min ? max : min + 1 })
  })
  return h('figure', { class: 'chart' }, [
    h('figcaption', {}, title),
    h('div', { ref: place, role: 'img', 'aria-label': `${title}. ${summaryOf(lines)}` }),
  ])
}

function optionsOf(
  { xTitle, lines, isLog }: ChartProps,
  isDark: boolean,
  width: number,
  onZoom: ChartProps['onZoom'],
): uPlot.Options {
  const stroke = isDark ? '#a3aeb9' : '#55606b'
  const grid = { stroke: isDark ? '#2b3238' : '#e7ebef', width: 1 }
  const axis = { stroke, grid, ticks: grid, font: FONT, labelFont: FONT }
  return {
    width,
    height: HEIGHT,
    scales: { x: { time: false }, y: isLog ? { distr: 3 } : { range: padded } },
    axes: [
      { ...axis, label: xTitle, labelSize: 18, size: 32, incrs: WHOLE, values: tickTexts },
      { ...axis, size: 62, values: tickTexts },
    ],
    series: [
      { label: xTitle, value: (_, x) => (x === null ? '' : `${xTitle.split(' ')[0]} ${numberText(x)}:`) },
      ...lines.map(({ label, color, dash }) => ({
        label,
        stroke: color,
        width: 1.75,
        ...(dash.length > 0 && { dash: [...dash] }),
        points: { show: (each: uPlot, s: number) => pointsOf(each, s) <= 2 },
        // the last one while nothing is pointed at
        value: (each: uPlot, value: number | null, s: number, at: number | null) =>
          numberText((at === null ? lastOf(each.data[s]!) : value) ?? undefined) || '–',
      })),
    ],
    legend: { markers: { width: 0, fill: (_, s) => lines[s - 1]?.color ?? 'transparent' } },
    cursor: { drag: { x: true, y: false, setScale: false }, sync: { key: xTitle } },
    hooks: {
      setSelect: [
        each => {
          const { left, width: pixels } = each.select
          if (pixels < 4) return
          onZoom({ from: each.posToVal(left, 'x'), to: each.posToVal(left + pixels, 'x') })
          each.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
        },
      ],
      ready: [each => each.over.addEventListener('dblclick', () => onZoom(undefined))],
    },
  }
}

function lastOf(values: ArrayLike<number | null | undefined>): number | null | undefined {
  return Array.from(values).findLast(value => value !== null && value !== undefined)
}

/** Room above and below; around a value that stays the same, too. */
function padded(_: uPlot, low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1]
  const room = 0.05 * (high - low || Math.abs(high) || 1)
  return [low - room, high + room]
}

/** Epochs and batches have no halves; seconds need none. */
const WHOLE = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map(digit => digit * 10 ** power)).flat()

const LARGE = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 4 })

/** `99.1M` where digits would not fit; a scale of logarithms leaves some out. */
function tickTexts(_: uPlot, ticks: readonly (number | null)[]): string[] {
  return ticks.map(tick => (tick === null ? '' : Math.abs(tick) < 1e5 ? numberText(tick) : LARGE.format(tick)))
}

/** A single point draws no line, so it is marked. */
function pointsOf(plot: uPlot, series: number): number {
  let count = 0
  for (const value of plot.data[series]!) if (value !== null && value !== undefined && ++count > 2) break
  return count
}

/** All lines on the union of their xs. A logarithm has no place for what is not positive. */
function dataOf(lines: readonly Line[], isLog: boolean): uPlot.AlignedData {
  if (lines.length === 0) return [[]]
  const valid = (value: number | null): number | null => (isLog && !(value! > 0) ? null : value)
  return uPlot.join(lines.map(({ xs, values }) => [[...xs], values.map(valid)]))
}

function summaryOf(lines: readonly Line[]): string {
  return lines
    .map(
      ({ label, values }) =>
        `${label}: last ${numberText(values.findLast(value => value !== null) ?? undefined) || '–'}`,
    )
    .join(', ')
}

function useDark(): boolean {
  const query = matchMedia('(prefers-color-scheme: dark)')
  const [isDark, setDark] = useState(query.matches)
  useEffect(() => {
    const follow = (): void => setDark(query.matches)
    query.addEventListener('change', follow)
    return () => query.removeEventListener('change', follow)
  }, [])
  return isDark
}

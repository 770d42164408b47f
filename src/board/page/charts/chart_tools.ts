import { h, type JSX, type TargetedEvent } from 'preact'
import type { SeriesAnswer } from '../../wire/run.ts'
import { apiUrl, type Fetched, useJson } from '../data/fetched.ts'
import { setQuery } from '../route.ts'
import type { Zoom } from './chart.ts'
import type { Unit } from './panels.ts'

const WIDTH = 800 // pixels of the widest chart that is usual

/** How charts are shown, as the address says. */
interface ChartView {
  x: 'step' | 'time'
  isLog: boolean
  /** weight of the past in a moving average, 0 for none */
  smooth: number
  zoom: Partial<Record<Unit, Zoom>>
}

export function viewOf(query: URLSearchParams): ChartView {
  const x = query.get('x') === 'time' ? 'time' : 'step'
  const zoomOf = (unit: Unit): Zoom | undefined => {
    const [from, to] = (query.get(`zoom-${unit}`) ?? '').split('~').map(Number)
    return from !== undefined && to !== undefined && from < to ? { from, to } : undefined
  }
  const [epoch, batch] = [zoomOf('epoch'), x === 'time' ? zoomOf('epoch') : zoomOf('batch')]
  return {
    x,
    isLog: query.get('log') === '1',
    smooth: Math.min(0.99, Math.max(0, Number(query.get('smooth')) || 0)),
    zoom: { ...(epoch && { epoch }), ...(batch && { batch }) },
  }
}

/** Zooms all charts of a unit; over time, all charts. */
export function setZoom(query: URLSearchParams, { x }: ChartView, unit: Unit, zoom: Zoom | undefined): void {
  const text = zoom ? `${Number(zoom.from.toPrecision(8))}~${Number(zoom.to.toPrecision(8))}` : ''
  setQuery(query, { [`zoom-${x === 'time' ? 'epoch' : unit}`]: text })
}

export function xTitleOf({ x }: ChartView, unit: Unit): string {
  return x === 'time' ? 'seconds' : `${unit} (from 0)`
}

/** The metrics of some runs whose steps are of this unit, as many points as a chart can show. */
export function useSeries(
  ids: readonly string[],
  unit: Unit,
  view: ChartView,
  version: unknown,
): Fetched<SeriesAnswer> {
  const { x, smooth, zoom } = view
  const { from, to } = zoom[unit] ?? {}
  const query = { id: [...ids], unit, x, width: WIDTH, smooth: smooth || undefined, from, to }
  return useJson<SeriesAnswer>(ids.length === 0 ? undefined : apiUrl('series', query), version)
}

export function ChartTools({ query, view }: { query: URLSearchParams; view: ChartView }): JSX.Element {
  const { x, isLog, smooth, zoom } = view
  const isZoomed = zoom.epoch !== undefined || zoom.batch !== undefined
  return h('div', { class: 'tools' }, [
    h('label', {}, [
      'Over ',
      h(
        'select',
        {
          value: x,
          onChange: (event: TargetedEvent<HTMLSelectElement>) =>
            setQuery(query, { x: event.currentTarget.value, 'zoom-epoch': '', 'zoom-batch': '' }),
        },
        [h('option', { value: 'step' }, 'epochs and batches'), h('option', { value: 'time' }, 'time')],
      ),
    ]),
    h('label', {}, [
      h('input', {
        type: 'checkbox',
        checked: isLog,
        onChange: event => setQuery(query, { log: event.currentTarget.checked ? '1' : '' }),
      }),
      ' log scale',
    ]),
    h('label', {}, [
      'Smoothing ',
      h('input', {
        type: 'range',
        min: 0,
        max: 0.99,
        step: 0.01,
        value: smooth,
        'aria-valuetext': smooth === 0 ? 'none' : String(smooth),
        onChange: event =>
          setQuery(query, { smooth: event.currentTarget.value === '0' ? '' : event.currentTarget.value }),
      }),
    ]),
    isZoomed
      ? h(
          'button',
          { type: 'button', onClick: () => setQuery(query, { 'zoom-epoch': '', 'zoom-batch': '' }) },
          'Show all',
        )
      : h('span', { class: 'faint' }, 'Drag over a chart to zoom.'),
  ])
}

import { h, type JSX } from 'preact'
import { Chart } from '../charts/chart.ts'
import { ChartTools, setZoom, useSeries, viewOf, xTitleOf } from '../charts/chart_tools.ts'
import { lineStyle } from '../charts/line_style.ts'
import { panelsOf } from '../charts/panels.ts'

interface RunChartsProps {
  id: string
  /** changes with the metrics */
  version: unknown
  query: URLSearchParams
}

/** Every metric of a run, in charts of what belongs together. */
export function RunCharts({ id, version, query }: RunChartsProps): JSX.Element {
  const view = viewOf(query)
  const epochs = useSeries([id], 'epoch', view, version)
  const batches = useSeries([id], 'batch', view, version)
  const problem = epochs.problem ?? batches.problem
  const series = [epochs, batches].flatMap(({ data }) => data?.runs[0]?.series ?? [])
  const byName = new Map(series.map(each => [each.name, each]))
  const charts = panelsOf([...byName.keys()]).map(({ title, unit, metrics }) =>
    h(Chart, {
      key: title,
      title,
      xTitle: xTitleOf(view, unit),
      lines: metrics.map(([name, label], i) => ({ label, ...lineStyle(i), ...byName.get(name)! })),
      isLog: view.isLog,
      zoom: view.zoom[unit],
      onZoom: zoom => setZoom(query, view, unit, zoom),
    }),
  )
  return h('div', {}, [
    h(ChartTools, { query, view }),
    problem === undefined ? null : h('p', { class: 'bad', role: 'alert' }, problem),
    charts.length === 0 ? h('p', { class: 'faint' }, 'No metrics yet.') : h('div', { class: 'charts' }, charts),
  ])
}

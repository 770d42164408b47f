import { h, type JSX } from 'preact'
import type { RunTable } from '../../wire/runs.ts'
import { hrefOf, type Place } from '../address.ts'
import { Chart } from '../charts/chart.ts'
import { ChartTools, setZoom, useSeries, viewOf, xTitleOf } from '../charts/chart_tools.ts'
import { lineStyle } from '../charts/line_style.ts'
import { mainMetrics, unitOf } from '../charts/panels.ts'
import { useJson } from '../data/fetched.ts'
import { useChanges, useNow } from '../data/live.ts'
import { setQuery } from '../route.ts'
import { columnsOf } from '../runs/columns.ts'
import { statusMark } from '../runs/status.ts'
import { Waiting } from '../waiting.ts'

/** Several runs: their figures, the settings in which they differ, their metrics in the same charts. */
export function ComparePage({ place: { query } }: { place: Place }): JSX.Element {
  const ids = query.getAll('run')
  const version = useChanges(ids)
  const { data, problem } = useJson<RunTable>('api/runs', version)
  document.title = 'Compare · sadaan-gpu'
  if (!data) return h(Waiting, { what: 'Reading the records …', problem })
  const found = ids.flatMap(id => data.rows.findIndex(row => row.id === id)).filter(at => at >= 0)
  if (found.length === 0)
    return h('p', {}, ['Pick runs in the ', h('a', { href: '#/' }, 'table of runs'), ' to compare them.'])
  return h('div', {}, [
    h('h1', {}, `Compare ${found.length} runs`),
    h(Differences, { table: data, found }),
    h('h2', {}, 'Metrics'),
    h(Charts, { ids: found.map(at => data.rows[at]!.id), version, query }),
  ])
}

/** A column for each run; a row for each figure and each setting in which these runs differ. */
function Differences({ table, found }: { table: RunTable; found: readonly number[] }): JSX.Element {
  const now = useNow(found.some(at => table.rows[at]!.status === 'RUNNING'))
  const rows = columnsOf(table).flatMap(({ key, title, value, text }) => {
    if (key === 'name' || key === 'status') return []
    const values = found.map(at => value(table.rows[at]!, at, now))
    const isFigure = !Object.hasOwn(table.differing, key)
    if (!isFigure && new Set(values.map(each => JSON.stringify(each))).size === 1) return []
    const cells = values.map((each, i) => h('td', {}, text(each, table.rows[found[i]!]!)))
    return [h('tr', { key }, [h('th', { scope: 'row' }, title), ...cells])]
  })
  const heads = found.map((at, i) => {
    const row = table.rows[at]!
    return h('th', { scope: 'col', key: row.id }, [
      h('span', { class: 'swatch', style: { background: lineStyle(i).color }, 'aria-hidden': 'true' }),
      h('a', { href: hrefOf('run', [row.id]) }, row.id),
      h('br', {}),
      statusMark(row),
    ])
  })
  return h(
    'section',
    { class: 'wide fit', tabIndex: 0, 'aria-label': 'Figures and differing settings' },
    h('table', {}, [
      h('thead', {}, h('tr', {}, [h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'Key')), ...heads])),
      h('tbody', {}, rows),
    ]),
  )
}

interface ChartsProps {
  ids: readonly string[]
  version: unknown
  query: URLSearchParams
}

function Charts({ ids, version, query }: ChartsProps): JSX.Element {
  const view = viewOf(query)
  const epochs = useSeries(ids, 'epoch', view, version)
  const batches = useSeries(ids, 'batch', view, version)
  const runs = [epochs, batches].flatMap(({ data }) => data?.runs ?? [])
  const names = [...new Set(runs.flatMap(({ series }) => series.map(({ name }) => name)))]
  const isAll = query.get('all') === '1'
  const main = mainMetrics(names)
  const shown = isAll ? [...main, ...names.filter(name => !main.includes(name))] : main
  const charts = shown.map(name => {
    const unit = unitOf(name)
    const lines = ids.flatMap((id, i) => {
      const series = runs.filter(run => run.id === id).flatMap(run => run.series.filter(each => each.name === name))
      return series.map(each => ({ label: id, ...lineStyle(i), xs: each.xs, values: each.values }))
    })
    const onZoom = (zoom?: { from: number; to: number }): void => setZoom(query, view, unit, zoom)
    const xTitle = xTitleOf(view, unit)
    return h(Chart, { key: name, title: name, xTitle, lines, isLog: view.isLog, zoom: view.zoom[unit], onZoom })
  })
  return h('div', {}, [
    h(ChartTools, { query, view }),
    h('div', { class: 'charts' }, charts),
    main.length === names.length
      ? null
      : h('button', { type: 'button', onClick: () => setQuery(query, { all: isAll ? '' : '1' }) }, [
          isAll ? 'Only the main metrics' : `All ${names.length} metrics`,
        ]),
  ])
}

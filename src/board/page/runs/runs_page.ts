import { h, type JSX } from 'preact'
import { useRef, useState } from 'preact/hooks'
import type { RunTable } from '../../wire/runs.ts'
import { hrefOf, type Place } from '../address.ts'
import { useJson } from '../data/fetched.ts'
import { useChanges, useNow } from '../data/live.ts'
import { setQuery } from '../route.ts'
import { Waiting } from '../waiting.ts'
import { type Column, columnsOf, compareValues, valueUnder } from './columns.ts'
import { parseFilter } from './filter.ts'
import { statusMark } from './status.ts'
import { useWindow } from './windowed.ts'

const ROW_HEIGHT = 36 // px, as in the style

/** The table of all runs: sorted and filtered as the address says. */
export function RunsPage({ place }: { place: Place }): JSX.Element {
  const { data, problem } = useJson<RunTable>('api/runs', useChanges())
  document.title = 'Runs · sadaan-gpu'
  if (!data) return h(Waiting, { what: 'Reading the records …', problem })
  return h('div', {}, [
    h('h1', {}, 'Runs'),
    problem === undefined ? null : h('p', { class: 'bad', role: 'alert' }, problem),
    data.rows.length === 0 ? noRuns(data) : h(Runs, { table: data, query: place.query }),
  ])
}

function noRuns({ folders }: RunTable): JSX.Element {
  return h('p', {}, [
    `There are no run records in ${folders.join(', ')}. `,
    'Training writes them to sacred_runs/; a run appears here as soon as it starts.',
  ])
}

interface RunsProps {
  table: RunTable
  query: URLSearchParams
}

function Runs({ table, query }: RunsProps): JSX.Element {
  const now = useNow(table.rows.some(({ status }) => status === 'RUNNING'))
  const columns = columnsOf(table)
  const sorted = query.get('sort') ?? '-started'
  const filter = parseFilter(query.get('filter') ?? '', [
    ...columns.map(({ key }) => key),
    ...Object.keys(table.common),
  ])
  const shown = rowsShown(table, columns, sorted, filter, now)
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set())
  const pick = (id: string, isPicked: boolean): void => {
    const next = new Set(picked)
    if (isPicked) next.add(id)
    else next.delete(id)
    setPicked(next)
  }
  return h('div', {}, [
    h(Tools, { query, picked: [...picked], shown: shown.length, all: table.rows.length, problem: filter.problem }),
    h(Table, { table, columns, shown, sorted, query, picked, pick, now }),
  ])
}

function rowsShown(
  table: RunTable,
  columns: readonly Column[],
  sorted: string,
  filter: ReturnType<typeof parseFilter>,
  now: number,
): number[] {
  const [key, sign] = sorted.startsWith('-') ? [sorted.slice(1), -1] : [sorted, 1]
  const value = (row: number) => valueUnder(key, row, table, columns, now)
  return table.rows
    .flatMap(({ id, comment = '', experiment = '', status }, row) =>
      filter.keeps(name => valueUnder(name, row, table, columns, now), [id, comment, experiment, status]) ? [row] : [],
    )
    .sort((a, b) => {
      const [x, y] = [value(a), value(b)]
      const isGone = (each: unknown): boolean => each === undefined || each === null
      // what is missing comes last either way
      return isGone(x) || isGone(y) ? compareValues(x, y) : sign * compareValues(x, y)
    })
}

interface ToolsProps {
  query: URLSearchParams
  picked: string[]
  shown: number
  all: number
  problem: string | undefined
}

function Tools({ query, picked, shown, all, problem }: ToolsProps): JSX.Element {
  return h('div', { class: 'tools' }, [
    h('label', { class: 'filter' }, [
      h('span', {}, 'Filter'),
      h('input', {
        type: 'search',
        value: query.get('filter') ?? '',
        placeholder: 'learning_rate>1e-3 status=RUNNING',
        'aria-describedby': 'filter-says',
        onInput: event => setQuery(query, { filter: event.currentTarget.value }),
      }),
    ]),
    picked.length < 2
      ? h('span', { class: 'faint' }, 'Pick two or more runs to compare them.')
      : h('a', { class: 'button', href: hrefOf('compare', [], new URLSearchParams(picked.map(id => ['run', id]))) }, [
          `Compare ${picked.length} runs`,
        ]),
    h('span', { id: 'filter-says', role: 'status', class: problem ? 'bad' : 'faint' }, [
      problem ?? (shown === all ? `${all} runs` : `${shown} of ${all} runs`),
    ]),
  ])
}

interface TableProps extends RunsProps {
  columns: Column[]
  /** indices of rows in order */
  shown: number[]
  sorted: string
  picked: ReadonlySet<string>
  pick: (id: string, isPicked: boolean) => void
  now: number
}

function Table({ table, columns, shown, sorted, query, picked, pick, now }: TableProps): JSX.Element {
  const body = useRef<HTMLTableSectionElement>(null)
  const { first, end } = useWindow(body, shown.length, ROW_HEIGHT)
  const space = (rows: number): JSX.Element | null =>
    rows === 0 ? null : h('tr', { 'aria-hidden': 'true', style: { height: `${rows * ROW_HEIGHT}px` } }, h('td', {}))
  const heads = columns.map(column => h(Head, { key: column.key, column, sorted, query }))
  return h(
    'section',
    { class: 'wide', tabIndex: 0, 'aria-label': 'Table of runs' },
    h('table', { class: 'runs', 'aria-rowcount': shown.length + 1 }, [
      h('thead', {}, h('tr', {}, [h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'Pick')), ...heads])),
      h('tbody', { ref: body }, [
        space(first),
        ...shown.slice(first, end).map((at, i) => {
          const row = table.rows[at]!
          const { id } = row
          const box = h('input', {
            type: 'checkbox',
            checked: picked.has(id),
            'aria-label': `Pick ${id}`,
            onChange: event => pick(id, event.currentTarget.checked),
          })
          const cells = columns.map(column => {
            const value = column.value(row, at, now)
            const text = column.text(value, row)
            if (column.key === 'name') return h('th', { scope: 'row' }, h('a', { href: hrefOf('run', [id]) }, id))
            if (column.key === 'status') return h('td', {}, statusMark(row))
            return h('td', { class: column.isNumber ? 'number' : '', title: text }, text)
          })
          return h('tr', { key: id, 'aria-rowindex': first + i + 2 }, [h('td', {}, box), ...cells])
        }),
        space(shown.length - end),
      ]),
    ]),
  )
}

function Head({ column, sorted, query }: { column: Column; sorted: string; query: URLSearchParams }): JSX.Element {
  const { key, title, short, isNumber } = column
  const isSorted = sorted.replace(/^-/, '') === key
  const isUp = sorted === key
  const next = isSorted ? (isUp ? `-${key}` : key) : isNumber ? `-${key}` : key
  const mark = isSorted ? (isUp ? ' ▲' : ' ▼') : ''
  return h(
    'th',
    {
      scope: 'col',
      class: isNumber ? 'number' : '',
      ...(isSorted && { 'aria-sort': isUp ? 'ascending' : 'descending' }),
    },
    h('button', { type: 'button', title, onClick: () => setQuery(query, { sort: next }) }, [
      short,
      h('span', { 'aria-hidden': 'true' }, mark),
    ]),
  )
}

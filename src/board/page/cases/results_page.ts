import { h, type JSX } from 'preact'
import { useRef } from 'preact/hooks'
import type { CaseRow, ResultsPage as Results } from '../../wire/results.ts'
import { hrefOf, type Place } from '../address.ts'
import { apiUrl, useJson } from '../data/fetched.ts'
import { useChanges } from '../data/live.ts'
import { bytesText } from '../data/text.ts'
import { setQuery } from '../route.ts'
import { useWindow } from '../runs/windowed.ts'
import { Waiting } from '../waiting.ts'
import { ordered } from './case_order.ts'

const ROW_HEIGHT = 36 // px, as in the style

/** A folder of results: its cases, those that need a look first. */
export function ResultsPage({ place: { parts, query } }: { place: Place }): JSX.Element {
  const id = parts[0] ?? ''
  const { data, problem } = useJson<Results>(apiUrl('results', { id }), useChanges([id]))
  document.title = `${id} · sadaan-gpu`
  if (!data || data.id !== id) return h(Waiting, { what: 'Reading the results …', problem })
  const { weights, failed, notes, artifacts } = data
  const sought = (query.get('filter') ?? '').toLowerCase()
  const shown = ordered(data.cases).filter(({ name, scenario = '' }) =>
    `${name} ${scenario}`.toLowerCase().includes(sought),
  )
  const facts: [string, string][] = [
    ['data', data.data],
    ['weights', weights.join(', ')],
    ['presence threshold', String(data.threshold)],
  ]
  return h('div', {}, [
    h('h1', {}, id),
    h(
      'dl',
      { class: 'facts' },
      facts.map(([name, value]) => h('div', {}, [h('dt', {}, name), h('dd', {}, value)])),
    ),
    notes.map(note => h('p', { class: 'warn' }, note)),
    failed.map(([name, reason]) => h('p', { class: 'bad' }, `${name} could not be predicted: ${reason}`)),
    h('div', { class: 'tools' }, [
      h('label', { class: 'filter' }, [
        h('span', {}, 'Find'),
        h('input', {
          type: 'search',
          value: query.get('filter') ?? '',
          onInput: event => setQuery(query, { filter: event.currentTarget.value }),
        }),
      ]),
      h('span', { class: 'faint', role: 'status' }, `${shown.length} of ${data.cases.length} cases`),
    ]),
    h(Cases, { id, shown }),
    artifacts.length === 0
      ? null
      : h('section', {}, [
          h('h2', {}, 'Files'),
          h(
            'ul',
            { class: 'files' },
            artifacts.map(({ name, bytes, version }) =>
              h('li', { key: name }, [
                h('a', { href: apiUrl('results/file', { id, name, version }) }, name),
                h('span', { class: 'faint' }, ` ${bytesText(bytes)}`),
              ]),
            ),
          ),
        ]),
  ])
}

function Cases({ id, shown }: { id: string; shown: readonly CaseRow[] }): JSX.Element {
  const body = useRef<HTMLTableSectionElement>(null)
  const { first, end } = useWindow(body, shown.length, ROW_HEIGHT)
  const space = (rows: number): JSX.Element | null =>
    rows === 0 ? null : h('tr', { 'aria-hidden': 'true', style: { height: `${rows * ROW_HEIGHT}px` } }, h('td', {}))
  const titles = ['Case', 'Presence wrong', 'Mean Dice', 'Scenario', 'Predicted present', 'Warnings']
  return h(
    'section',
    { class: 'wide', tabIndex: 0, 'aria-label': 'Cases' },
    h('table', { class: 'runs', 'aria-rowcount': shown.length + 1 }, [
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          titles.map(title => h('th', { scope: 'col' }, title)),
        ),
      ),
      h('tbody', { ref: body }, [
        space(first),
        ...shown
          .slice(first, end)
          .map((row, i) =>
            h('tr', { key: row.sample, 'aria-rowindex': first + i + 2 }, [
              h('th', { scope: 'row' }, h('a', { href: hrefOf('case', [id, String(row.sample)]) }, row.name)),
              h('td', { class: row.wrong > 0 ? 'bad' : '' }, wrongText(row)),
              h('td', {}, row.dice?.toFixed(3)),
              h('td', {}, row.scenario ?? ''),
              h(
                'td',
                {},
                `${row.structures.filter(({ isPredicted }) => isPredicted).length} of ${row.structures.length}`,
              ),
              h('td', { class: 'warn', title: row.warnings.join('; ') }, row.warnings.join('; ')),
            ]),
          ),
        space(shown.length - end),
      ]),
    ]),
  )
}

/** Names what is wrong; a case without truth has nothing to be wrong about. */
function wrongText({ structures }: CaseRow): string {
  const known = structures.filter(({ isPresent }) => isPresent !== undefined)
  if (known.length === 0) return '–'
  const wrong = known.filter(({ isPresent, isPredicted }) => isPresent !== isPredicted)
  return wrong.length === 0 ? 'none' : wrong.map(({ name }) => name).join(', ')
}

import { h, type JSX } from 'preact'
import type { RunTable } from '../../wire/runs.ts'
import { hrefOf } from '../address.ts'
import { useJson } from '../data/fetched.ts'
import { useChanges } from '../data/live.ts'
import { Waiting } from '../waiting.ts'

/** The folders with results. */
export function ResultsList(): JSX.Element {
  const { data, problem } = useJson<RunTable>('api/runs', useChanges())
  document.title = 'Results · sadaan-gpu'
  if (!data) return h(Waiting, { what: 'Looking for results …', problem })
  const { results, folders } = data
  return h('div', {}, [
    h('h1', {}, 'Results'),
    results.length === 0
      ? h('p', {}, `There are no results of evaluate or predict in ${folders.join(', ')}.`)
      : h(
          'ul',
          {},
          results.map(id => h('li', { key: id }, h('a', { href: hrefOf('results', [id]) }, id))),
        ),
  ])
}

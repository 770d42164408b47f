import { h, type JSX } from 'preact'

/** What a page shows before its first answer: what it waits for, or why there is none. */
export function Waiting({ what, problem }: { what: string; problem: string | undefined }): JSX.Element {
  if (problem === undefined) return h('p', { role: 'status', class: 'faint' }, what)
  return h('div', {}, [
    h('h1', {}, 'Nothing to show'),
    h('p', { role: 'alert' }, problem),
    h('p', {}, [h('a', { href: '#/' }, 'All runs'), ' · ', h('a', { href: '#/results' }, 'All results')]),
  ])
}

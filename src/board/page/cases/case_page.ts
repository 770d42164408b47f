import { h, type JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { CasePage as Case, ResultsPage as Results } from '../../wire/results.ts'
import { hrefOf, type Place } from '../address.ts'
import { apiUrl, useJson } from '../data/fetched.ts'
import { useChanges } from '../data/live.ts'
import { ordered } from './case_order.ts'
import { PresenceTable } from './presence_table.ts'
import { Viewer } from './viewer.ts'

/** One case: the scan with what was predicted and, if it is known, the truth. */
export function CasePage({ place: { parts } }: { place: Place }): JSX.Element {
  const [id = '', sample = ''] = parts
  const version = useChanges([id])
  const results = useJson<Results>(apiUrl('results', { id }), version)
  const { data, problem } = useJson<Case>(apiUrl('case', { id, case: sample }), version)
  const [hidden, hide] = useState<ReadonlySet<string>>(new Set())
  const [threshold, setThreshold] = useState<number>()
  document.title = `${data?.row.name ?? sample} · sadaan-gpu`
  if (!data || String(data.row.sample) !== sample) return h('p', { role: 'status' }, problem ?? 'Reading the case …')
  const { row, structures, missing } = data
  const at = threshold ?? data.threshold
  const toggle = (name: string, isShown: boolean): void => {
    const next = new Set(hidden)
    if (isShown) next.delete(name)
    else next.add(name)
    hide(next)
  }
  const visible = structures.map(name => {
    const found = row.structures.find(each => each.name === name)
    return !hidden.has(name) && (found === undefined || found.isPresent === true || found.probability > at)
  })
  return h('div', {}, [
    h('h1', {}, [h('a', { href: hrefOf('results', [id]) }, id), ` · ${row.name}`]),
    h(Neighbours, { id, results: results.data, sample: row.sample }),
    row.warnings.map(warning => h('p', { class: 'warn' }, warning)),
    h('div', { class: 'case' }, [
      h('div', {}, [
        h(Viewer, { key: `${id} ${sample}`, id, page: data, visible }),
        missing.map(each => h('p', { class: 'faint' }, each)),
      ]),
      h(PresenceTable, { row, structures, threshold: at, given: data.threshold, setThreshold, hidden, toggle }),
    ]),
  ])
}

/** Links to the cases before and after in the order of the list; the keys p and n follow them. */
function Neighbours({
  id,
  results,
  sample,
}: {
  id: string
  results: Results | undefined
  sample: number
}): JSX.Element {
  const order = ordered(results?.cases ?? []).map(each => each.sample)
  const at = order.indexOf(sample)
  const hrefAt = (index: number): string | undefined =>
    at < 0 || order[index] === undefined ? undefined : hrefOf('case', [id, String(order[index])])
  const [before, after] = [hrefAt(at - 1), hrefAt(at + 1)]
  useEffect(() => {
    const follow = (event: KeyboardEvent): void => {
      // sliders and boxes, too, pass letters on; there is no field for text here
      if (event.ctrlKey || event.metaKey || event.altKey) return
      const href = event.key === 'p' ? before : event.key === 'n' ? after : undefined
      if (href !== undefined) location.hash = href
    }
    addEventListener('keydown', follow)
    return () => removeEventListener('keydown', follow)
  }, [before, after])
  return h('nav', { class: 'tools', 'aria-label': 'Cases' }, [
    before === undefined ? null : h('a', { href: before, 'aria-keyshortcuts': 'p' }, '← previous (p)'),
    h('span', { class: 'faint' }, at < 0 ? '' : `${at + 1} of ${order.length}`),
    after === undefined ? null : h('a', { href: after, 'aria-keyshortcuts': 'n' }, 'next (n) →'),
  ])
}

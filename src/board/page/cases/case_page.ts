import { h, type JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { CasePage as Case, Layer, ResultsPage as Results } from '../../wire/results.ts'
import { hrefOf, type Place } from '../address.ts'
import { apiUrl, bytesOf, useJson } from '../data/fetched.ts'
import { useChanges } from '../data/live.ts'
import { CaseView } from '../viewer/case_view.ts'
import { Waiting } from '../waiting.ts'
import { ordered } from './case_order.ts'

/** One case: the scan with what was predicted and, if it is known, the truth. */
export function CasePage({ place: { parts } }: { place: Place }): JSX.Element {
  const [id = '', sample = ''] = parts
  const version = useChanges([id])
  const results = useJson<Results>(apiUrl('results', { id }), version)
  const { data, problem } = useJson<Case>(apiUrl('case', { id, case: sample }), version)
  document.title = `${data?.row.name ?? sample} · sadaan-gpu`
  if (!data || String(data.row.sample) !== sample) return h(Waiting, { what: 'Reading the case …', problem })
  const { row, structures, threshold, layers, isGated, missing } = data
  const { name, structures: rows } = row
  const read = (layer: Layer, structure: number): Promise<ArrayBuffer> =>
    bytesOf(apiUrl('volume', { id, case: sample, layer, structure: layer === 'attention' ? structure : undefined }))
  return h('div', {}, [
    h('h1', {}, [h('a', { href: hrefOf('results', [id]) }, id), ` · ${row.name}`]),
    h(Neighbours, { id, results: results.data, sample: row.sample }),
    row.warnings.map(warning => h('p', { class: 'warn' }, warning)),
    h(CaseView, { key: `${id} ${sample}`, name, structures, rows, threshold, layers, isGated, missing, read }),
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

import { h, type JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { CaseStructure } from '../../wire/results.ts'
import { type MoreColumn, PresenceTable } from './presence_table.ts'
import { Viewer, type ViewerProps } from './viewer.ts'

interface CaseViewProps extends Omit<ViewerProps, 'visible'> {
  rows: readonly CaseStructure[]
  /** of the results */
  threshold: number
  /** whether the predicted masks of structures at or below that threshold are empty */
  isGated: boolean
  /** why a layer is not there, one line each */
  missing: readonly string[]
  more?: MoreColumn
}

/** A scan with what was predicted, beside the presence of each structure. Another case needs another key. */
export function CaseView(props: CaseViewProps): JSX.Element {
  const { name, structures, layers, read, rows, threshold: given, isGated, missing, more } = props
  const [hidden, hide] = useState<ReadonlySet<string>>(new Set())
  const [threshold, setThreshold] = useState(given)
  const toggle = (structure: string, isShown: boolean): void => {
    const next = new Set(hidden)
    if (isShown) next.delete(structure)
    else next.add(structure)
    hide(next)
  }
  const shown = (isThere: (row: CaseStructure | undefined) => boolean): boolean[] =>
    structures.map(each => !hidden.has(each) && isThere(rows.find(row => row.name === each)))
  const visible = {
    truth: shown(row => row?.isPresent !== false),
    prediction: shown(row => row === undefined || row.probability > threshold),
  }
  const note =
    isGated && layers.includes('prediction') && threshold < given
      ? `Masks of structures with a probability up to ${given} were not kept.`
      : undefined
  return h('div', { class: 'case' }, [
    h('div', {}, [
      h(Viewer, { name, structures, layers, read, visible }),
      missing.map(each => h('p', { class: 'faint' }, each)),
    ]),
    h(PresenceTable, { rows, structures, threshold, given, setThreshold, hidden, toggle, note, more }),
  ])
}

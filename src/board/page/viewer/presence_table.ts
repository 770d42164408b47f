import { h, type JSX } from 'preact'
import { regionColor } from '../../../report/chart/palette.ts'
import type { CaseStructure } from '../../wire/results.ts'

/** What a page shows of each structure besides. */
export interface MoreColumn {
  title: string
  cell: (structure: string) => JSX.Element | null
}

interface PresenceTableProps {
  rows: readonly CaseStructure[]
  structures: readonly string[]
  threshold: number
  /** the threshold of the results */
  given: number
  setThreshold: (threshold: number) => void
  hidden: ReadonlySet<string>
  toggle: (name: string, isShown: boolean) => void
  /** what the threshold cannot show */
  note: string | undefined
  more: MoreColumn | undefined
}

/** What was predicted present, against the truth if it is known, at a threshold that can be moved. */
export function PresenceTable(props: PresenceTableProps): JSX.Element {
  const { rows, structures, threshold, given, setThreshold, hidden, toggle, note, more } = props
  const hasTruth = rows.some(({ isPresent }) => isPresent !== undefined)
  const titles = ['Structure', 'Probability', 'Predicted', ...(hasTruth ? ['Truth', 'Dice'] : []), 'Volume']
  if (more) titles.push(more.title)
  const lines = rows.map(({ name, probability, isPresent, dice, volume = '' }) => {
    const isPredicted = probability > threshold
    const isWrong = isPresent !== undefined && isPresent !== isPredicted
    return h(
      'tr',
      { key: name, class: isWrong ? 'bad' : '', 'data-structure': name, 'data-probability': probability },
      [
        h(
          'th',
          { scope: 'row' },
          h('label', {}, [
            h('input', {
              type: 'checkbox',
              checked: !hidden.has(name),
              'aria-label': `Show ${name}`,
              onChange: event => toggle(name, event.currentTarget.checked),
            }),
            h('span', {
              class: 'swatch',
              style: { background: regionColor(structures.indexOf(name)) },
              'aria-hidden': 'true',
            }),
            name,
          ]),
        ),
        h('td', { class: 'number' }, probability.toFixed(3)),
        h('td', {}, `${isPredicted ? 'present' : 'absent'}${isWrong ? ' ✗' : ''}`),
        ...(hasTruth ? [h('td', {}, presenceText(isPresent)), h('td', { class: 'number' }, dice?.toFixed(3))] : []),
        h('td', { class: 'number' }, volume),
        ...(more ? [h('td', {}, more.cell(name))] : []),
      ],
    )
  })
  return h('section', { 'aria-label': 'Presence' }, [
    h('div', { class: 'tools' }, [
      h('label', {}, [
        `Threshold ${threshold.toFixed(2)} `,
        h('input', {
          type: 'range',
          min: 0,
          max: 1,
          step: 0.01,
          value: threshold,
          onInput: event => setThreshold(Number(event.currentTarget.value)),
        }),
      ]),
      threshold === given
        ? null
        : h('button', { type: 'button', onClick: () => setThreshold(given) }, `Back to ${given}`),
    ]),
    note === undefined ? null : h('p', { class: 'faint' }, note),
    h(
      'section',
      { class: 'wide', tabIndex: 0, 'aria-label': 'Presence of structures' },
      h('table', {}, [
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            titles.map(title => h('th', { scope: 'col' }, title)),
          ),
        ),
        h('tbody', {}, lines),
      ]),
    ),
  ])
}

function presenceText(isPresent: boolean | undefined): string {
  return isPresent === undefined ? 'unknown' : isPresent ? 'present' : 'absent'
}

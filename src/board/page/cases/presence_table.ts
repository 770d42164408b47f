import { h, type JSX } from 'preact'
import { regionColor } from '../../../report/chart/palette.ts'
import type { CaseRow } from '../../wire/results.ts'
import { numberText } from '../data/text.ts'

interface PresenceTableProps {
  row: CaseRow
  structures: readonly string[]
  threshold: number
  /** the threshold of the results */
  given: number
  setThreshold: (threshold: number | undefined) => void
  hidden: ReadonlySet<string>
  toggle: (name: string, isShown: boolean) => void
}

/** What was predicted present, against the truth if it is known, at a threshold that can be moved. */
export function PresenceTable(props: PresenceTableProps): JSX.Element {
  const { row, structures, threshold, given, setThreshold, hidden, toggle } = props
  const hasTruth = row.structures.some(({ isPresent }) => isPresent !== undefined)
  const titles = ['Structure', 'Probability', 'Predicted', ...(hasTruth ? ['Truth', 'Dice'] : []), 'Volume']
  const lines = row.structures.map(({ name, probability, isPresent, dice, volume = '' }) => {
    const isPredicted = probability > threshold
    const isWrong = isPresent !== undefined && isPresent !== isPredicted
    return h('tr', { key: name, class: isWrong ? 'bad' : '' }, [
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
      ...(hasTruth ? [h('td', {}, presenceText(isPresent)), h('td', { class: 'number' }, numberText(dice))] : []),
      h('td', { class: 'number' }, volume),
    ])
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
        : h('button', { type: 'button', onClick: () => setThreshold(undefined) }, `Back to ${given}`),
    ]),
    threshold < given
      ? h('p', { class: 'faint' }, `Masks of structures with a probability up to ${given} were not kept.`)
      : null,
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

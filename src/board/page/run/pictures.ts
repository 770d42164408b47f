import { h, type JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Artifact, RunPage } from '../../wire/run.ts'
import { apiUrl } from '../data/fetched.ts'

const PREDICTION = /^predictions_sample_(\d+)\.png$/

/** Predictions of validation samples, as they were after each epoch that was pictured. */
export function Pictures({ run }: { run: RunPage }): JSX.Element | null {
  const shown = run.artifacts.filter(({ name }) => PREDICTION.test(name))
  if (shown.length === 0) return null
  return h('section', {}, [
    h('h2', {}, 'Predictions of validation samples'),
    h(
      'div',
      { class: 'pictures' },
      shown.map(picture => h(Picture, { key: picture.name, run, picture })),
    ),
  ])
}

function Picture({ run, picture }: { run: RunPage; picture: Artifact }): JSX.Element {
  const { name, version } = picture
  const epochs = run.pictures.find(each => each.name === name)?.epochs ?? []
  // the latest until one is chosen
  const [chosen, choose] = useState<number>()
  const at = chosen === undefined ? epochs.length - 1 : Math.min(chosen, epochs.length - 1)
  const isLatest = at === epochs.length - 1
  const { id } = run.row
  const src = isLatest ? apiUrl('file', { id, name, version }) : apiUrl('picture', { id, name, epoch: epochs[at] })
  const sample = PREDICTION.exec(name)![1]
  const when = epochs.length === 0 ? '' : `, epoch ${epochs[at]! + 1}`
  return h('figure', {}, [
    h('a', { href: src }, h('img', { src, alt: `Prediction of validation sample ${sample}${when}`, loading: 'lazy' })),
    h('figcaption', {}, [
      `Sample ${sample}${when} `,
      epochs.length < 2
        ? null
        : h('input', {
            type: 'range',
            min: 0,
            max: epochs.length - 1,
            value: at,
            'aria-label': `Epoch of the picture of sample ${sample}`,
            'aria-valuetext': `epoch ${epochs[at]! + 1}`,
            onInput: event => {
              const next = Number(event.currentTarget.value)
              choose(next === epochs.length - 1 ? undefined : next)
            },
          }),
    ]),
  ])
}

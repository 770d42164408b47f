import { h, type JSX } from 'preact'
import { regionColor } from '../../../report/chart/palette.ts'
import type { Found, ModelFacts, VolumeFile } from './messages.ts'

/** Presence of each structure, and the volumes to download. */
export function Results({ found, model }: { found: Found; model: ModelFacts }): JSX.Element {
  const { rows, masks, labels, scan } = found
  return h('section', { 'aria-label': 'Result' }, [
    h('h2', {}, scan),
    labels
      ? h('p', {}, h(Download, { file: labels, text: 'Download all masks as one label volume' }))
      : h('p', { class: 'faint' }, 'There is no label volume: it holds at most 255 structures.'),
    h('div', { class: 'wide' }, [
      h('table', {}, [
        h('caption', {}, `Present: probability above ${model.presenceThreshold}`),
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            HEADINGS.map(text => h('th', { scope: 'col' }, text)),
          ),
        ),
        h(
          'tbody',
          {},
          rows.map(({ probability, present, voxels, millilitres }, s) =>
            h(
              'tr',
              { 'data-structure': model.structureNames[s], 'data-probability': probability, 'data-voxels': voxels },
              [
                h('th', { scope: 'row' }, [
                  h('span', {
                    class: 'swatch',
                    ref: (element: HTMLElement | null) => element?.style.setProperty('--region', regionColor(s)),
                  }),
                  model.structureNames[s],
                ]),
                h('td', { class: present ? 'good' : 'faint' }, present ? 'present' : 'absent'),
                h('td', {}, probability.toFixed(3)),
                h('td', {}, voxels),
                h('td', {}, millilitres === undefined ? '' : millilitres.toFixed(1)),
                h('td', {}, voxels > 0 && h(Download, { file: masks[s]!, text: 'mask' })),
              ],
            ),
          ),
        ),
      ]),
    ]),
  ])
}

const HEADINGS = ['structure', 'presence', 'probability', 'voxels', 'millilitres', 'mask']

/** The file is compressed when it is asked for. */
function Download({ file, text }: { file: VolumeFile; text: string }): JSX.Element {
  return h('button', { type: 'button', 'data-file': file.name, onClick: () => save(file) }, text)
}

async function save({ name, bytes }: VolumeFile): Promise<void> {
  const packed = await new Response(bytes.stream().pipeThrough(new CompressionStream('gzip'))).blob()
  const link = document.createElement('a')
  link.href = URL.createObjectURL(packed)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

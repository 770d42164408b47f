import { h, type JSX } from 'preact'
import type { CaseStructure } from '../../wire/results.ts'
import { CaseView } from '../viewer/case_view.ts'
import type { Found, ModelFacts, VolumeFile } from './messages.ts'

/** The scan with its masks, presence of each structure, and the volumes to download. */
export function Results({ found, model, file }: { found: Found; model: ModelFacts; file: File }): JSX.Element {
  const { rows, masks, labels, scan } = found
  const { structureNames } = model
  const structures = rows.map(
    ({ probability, present, voxels, millilitres }, s): CaseStructure => ({
      name: structureNames[s]!,
      probability,
      isPredicted: present,
      volume: millilitres === undefined ? `${voxels} voxels` : `${Number(millilitres.toPrecision(4))} ml`,
    }),
  )
  const mask = (name: string): JSX.Element | null => {
    const s = structureNames.indexOf(name)
    return rows[s]!.voxels > 0 ? h(Download, { file: masks[s]!, text: 'Save mask' }) : null
  }
  return h('section', { 'aria-label': 'Result' }, [
    h('h2', {}, scan),
    h(CaseView, {
      name: scan,
      structures: structureNames,
      rows: structures,
      threshold: model.presenceThreshold,
      layers: labels ? ['scan', 'prediction'] : ['scan'],
      isGated: true,
      missing: labels ? [] : ['There is no label volume: it holds at most 255 structures.'],
      read: layer => (layer === 'scan' ? file : labels!.bytes).arrayBuffer(),
      more: { title: 'File', cell: mask },
    }),
    labels && h('p', {}, h(Download, { file: labels, text: 'Save all masks as one label volume' })),
  ])
}

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

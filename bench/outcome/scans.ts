import { openSource } from '../../src/data/import/sources.ts'
import { InputError } from '../../src/util/error.ts'
import { listed } from '../../src/util/listing.ts'

/** A structure and the label values that mark it. */
export interface Structure {
  name: string
  values: number[]
}

export interface LabelledScan {
  name: string
  subject: string
  /** one file per channel */
  images: readonly string[]
  label: string
}

/** The labelled scans of a dataset of the Decathlon or nnU-Net. */
export interface LabelledScans {
  folder: string
  structures: readonly Structure[]
  channelNames: readonly string[]
  scans: readonly LabelledScan[]
}

/** Finds the scans of a dataset with a dataset.json. Throws InputError: none there, or labels that are no label maps. */
export function openLabelledScans(folder: string): LabelledScans {
  const source = openSource({ images: folder }, error => {
    throw error
  })
  if (source.completeList === undefined)
    throw new InputError(`${folder}: holds no dataset.json, expected a dataset of the Decathlon or nnU-Net`)
  const structures = source.structures!.map(({ name, marks }) => ({ name, values: marks.map(Number) }))
  const scans = source.scans.map(({ name, subject, images, label }) => ({ name, subject, images, label: label.path }))
  return { folder, structures, channelNames: source.channelNames ?? ['image'], scans }
}

/** The values of the structures, if each has one of its own: a label map can then hold any prediction. Throws InputError. */
export function singleValues({ folder, structures }: LabelledScans): number[] {
  const overlapping = structures.filter(({ values }) => values.length !== 1)
  if (overlapping.length > 0)
    throw new InputError(
      `${folder}: ${listed(overlapping.map(({ name }) => name))} consist of several label values, expected one per structure`,
    )
  return structures.map(({ values }) => values[0]!)
}

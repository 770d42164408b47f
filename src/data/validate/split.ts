import { basename } from 'node:path'
import { InputError } from '../../util/error.ts'
import type { ImageSize } from '../../util/shape.ts'
import { readSpacing, readTexts } from '../dataset/dataset.ts'
import type { SplitName } from '../dataset/split.ts'
import { imagesOf, labelsIn, masksOf, samplesOf } from '../dataset/volumes.ts'
import { Hdf5File } from '../hdf5/file.ts'
import type { Findings } from './findings.ts'
import type { KnownMetadata } from './metadata.ts'

/** The valid parts of a split file. */
export interface KnownSplit {
  name: SplitName
  path: string
  /** from images, else from masks or labels */
  samples: number
  imageSize: ImageSize | undefined
  channels: number | undefined
  structures: number | undefined
  /** (N, S) as stored, whatever the labels are */
  presence: ArrayLike<number> | undefined
  subjects: readonly string[]
  /** whether the volumes can be read sample by sample */
  hasImages: boolean
  hasMasks: boolean
}

/** Checks a split file, except its volumes, for contradictions within itself and with metadata.json. Undefined if it is not a readable HDF5 file. */
export async function validateSplit(
  name: SplitName,
  path: string,
  metadata: KnownMetadata,
  findings: Findings,
): Promise<KnownSplit | undefined> {
  let file: Hdf5File
  try {
    file = await Hdf5File.open(path)
  } catch (error) {
    findings.addRefusal(error, path)
    return undefined
  }
  try {
    const split = knownOf(name, file, findings)
    checkAgainstMetadata(split, metadata, findings)
    checkAttributes(file, split, findings)
    if (split.presence) checkLabels(split, metadata, findings)
    return split
  } finally {
    file.close()
  }
}

function knownOf(name: SplitName, file: Hdf5File, findings: Findings): KnownSplit {
  const { path } = file
  const attempt = <T>(read: () => T): T | undefined => findings.attempt(path, read)
  const images = attempt(() => imagesOf(file))
  const masks = attempt(() => (images ? masksOf(file, images) : file.dataset('masks')))
  const labels = attempt(() => file.dataset('presence_labels'))
  const stated = masks ?? labels
  const samples = images?.samples ?? (stated && attempt(() => samplesOf(file, stated))) ?? 0
  const structures = masks?.shape[1] ?? labels?.shape[1]
  const presence = attempt(() => readLabels(file, samples, structures))
  attempt(() => readTexts(file, 'scenarios', samples))
  const subjects = attempt(() => readTexts(file, 'subjects', samples)) ?? []
  attempt(() => readSpacing(file, samples))
  return {
    name,
    path,
    samples,
    imageSize: images?.imageSize,
    channels: images?.channels,
    structures,
    presence,
    subjects,
    hasImages: images !== undefined,
    hasMasks: images !== undefined && masks !== undefined,
  }
}

function readLabels(file: Hdf5File, samples: number, structures: number | undefined): ArrayLike<number> {
  const dataset = file.dataset('presence_labels')
  const { shape, kind } = dataset
  if (kind === 'string' || shape.length !== 2 || shape[0] !== samples || shape[1] !== structures)
    throw new InputError(
      `${file.path}: dataset 'presence_labels' is ${kind} of shape (${shape}), expected integers of (${samples},${structures ?? 'S'})`,
    )
  return labelsIn(file, dataset)
}

function checkAgainstMetadata(split: KnownSplit, metadata: KnownMetadata, findings: Findings): void {
  const { structureNames, imageSize, channelNames, preparation, counts } = metadata
  const file = basename(split.path)
  const error = (message: string): void => findings.add({ severity: 'error', file, message })
  if (structureNames && split.structures !== undefined && split.structures !== structureNames.length)
    error(`has ${split.structures} structures, metadata.json names ${structureNames.length}`)
  if (imageSize && split.imageSize && split.imageSize.join() !== imageSize.join())
    error(`images are ${split.imageSize.join('×')}, metadata.json says ${imageSize.join('×')}`)
  if (preparation && split.channels !== undefined && preparation.intensity.length !== split.channels)
    error(`images have ${split.channels} channels, metadata.json's preparation has ${preparation.intensity.length}`)
  if (channelNames && split.channels !== undefined && channelNames.length !== split.channels)
    error(`images have ${split.channels} channels, metadata.json's channel_names has ${channelNames.length}`)
  const count = counts[`${split.name}_samples`]
  if (count !== undefined && count !== split.samples)
    error(`has ${split.samples} samples, metadata.json's dataset_info counts ${count}`)
}

/** Checks the attributes of the original's files, which this program does not use. */
function checkAttributes(file: Hdf5File, split: KnownSplit, findings: Findings): void {
  const { samples, imageSize, channels, structures } = split
  const volume = imageSize && (channels === 1 ? [imageSize, [1, ...imageSize]] : [[channels, ...imageSize]])
  const allowed = { n_samples: [[samples]], n_structures: [[structures]], image_shape: volume }
  for (const [name, values] of Object.entries(allowed)) {
    const stored = findings.attempt(file.path, () => file.attribute(name))
    if (!stored || !values || values.some(value => value.join() === stored.join())) continue
    const message = `attribute ${name} is ${stored.join('×')}, the data have ${values[0]!.join('×')}`
    findings.add({ severity: 'error', file: basename(file.path), message })
  }
}

function checkLabels(
  { name, path, samples, presence, structures = 0 }: KnownSplit,
  metadata: KnownMetadata,
  findings: Findings,
): void {
  const file = basename(path)
  for (let s = 0; s < structures; s++) {
    const structure = structureName(metadata, s)
    let isSeen = false
    for (let sample = 0; sample < samples; sample++) {
      const label = presence![sample * structures + s]!
      isSeen ||= label === 1
      if (label === 1 || label === 0 || label === -1) continue
      const message = `is ${label}, expected 1, 0 or -1`
      findings.add({ severity: 'error', file, dataset: 'presence_labels', structure, sample, message })
    }
    if (name === 'train' && !isSeen)
      findings.add({
        severity: 'warning',
        file,
        dataset: 'presence_labels',
        structure,
        message: 'is present in no sample',
      })
  }
}

/** The structure's name, or its number if metadata.json has no name. */
export function structureName({ structureNames }: KnownMetadata, s: number): string {
  return structureNames?.[s] ?? `number ${s}`
}

import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { InputError } from '../../util/error.ts'
import { factsOf } from '../../util/files/lookup.ts'
import { parseJson } from '../../util/json.ts'
import { firstRepeated } from '../../util/repeated.ts'
import type { ImageSize } from '../../util/shape.ts'
import { readText } from '../../util/whole_file.ts'
import { Hdf5File } from '../hdf5/file.ts'
import { type Preparation, parsePreparation } from '../scan/preparation.ts'
import { parseScanRanges, type ScanRanges } from '../scan/scan_ranges.ts'
import { checkLabels, checkNamesRecorded, type Hashes, readHashes } from './hashes.ts'
import { SPLIT_NAMES, type Split, type SplitName, withRows } from './split.ts'
import { type DatasetView, rowsOfSubjects, viewSchema } from './view.ts'
import { imagesOf, labelsIn, masksOf, reject } from './volumes.ts'

export interface Dataset {
  directory: string
  structureNames: string[]
  imageSize: ImageSize
  channels: number
  /** undefined if metadata.json does not name them */
  channelNames: string[] | undefined
  /** How scans were prepared; undefined if metadata.json does not say. */
  preparation: Preparation | undefined
  /** Whether the samples are patches of larger scans, so that a model may use a sliding window. */
  patches: boolean
  /** What the training scans looked like before they were prepared; undefined if metadata.json does not say. */
  trainingScans: ScanRanges | undefined
  splits: Partial<Record<SplitName, Split>>
}

const axis = z.int().min(1)
export const metadataSchema = z.looseObject({
  structure_names: z.array(z.string().min(1)).min(1),
  image_size: z.tuple([axis, axis, axis]),
  num_structures: z.int().optional(),
  channel_names: z.array(z.string()).optional(),
  preparation: z.unknown().optional(),
  training_scans: z.unknown().optional(),
  patches: z.boolean().default(false),
  view: viewSchema.optional(),
})

/**
 * Opens a dataset directory: metadata.json, train.h5, val.h5 and, if present, test.h5; or, if its metadata.json is a view, the files of another.
 * Reads and checks labels but not volumes; the loader checks those as it decodes them, also against hashes.json if present.
 * Throws InputError with one line if a file is missing or damaged, or if files contradict each other.
 */
export async function openDataset(directory: string): Promise<Dataset> {
  const { view, ...metadata } = readViewed(directory)
  const splits = view ? await viewedSplits(view, metadata) : await ownSplits(SPLIT_NAMES, metadata)
  const { channels } = splits.train!
  for (const split of Object.values(splits))
    if (split.channels !== channels)
      throw new InputError(`${split.path}: images have ${split.channels} channels, train.h5 has ${channels}`)
  const { channelNames } = metadata
  if (channelNames && channelNames.length !== channels)
    throw new InputError(
      `${join(directory, 'metadata.json')}: channel_names has ${channelNames.length} names, images have ${channels} channels`,
    )
  return { ...metadata, channels, splits }
}

/** The files in the dataset's own folder; a test split may be missing. */
async function ownSplits(names: readonly SplitName[], metadata: DatasetFacts): Promise<Dataset['splits']> {
  const { directory, structureNames } = metadata
  const hashes = readHashes(directory)
  if (hashes) checkNamesRecorded(directory, structureNames, hashes)
  const splits: Dataset['splits'] = {}
  for (const name of names) {
    const path = join(directory, `${name}.h5`)
    if (name === 'test' && !isThere(path)) continue
    const split = await openSplit(name, path)
    checkAgreement(split, metadata, directory)
    splits[name] = withDigests(split, hashes)
  }
  return splits
}

/** The subjects of a view, out of the training split of the dataset that it shows. */
async function viewedSplits({ of, subjects }: DatasetView, metadata: DatasetFacts): Promise<Dataset['splits']> {
  const { train } = await ownSplits(['train'], shownBy(of, metadata))
  const rows = rowsOfSubjects(train!, subjects, join(metadata.directory, 'metadata.json'))
  return { train: withRows(train!, 'train', rows.train), val: withRows(train!, 'val', rows.val) }
}

/** The dataset at `of` that a view shows. Throws InputError if its metadata cannot be read or name other structures than the view's. */
export function shownBy(
  of: string,
  { directory, structureNames }: { directory: string; structureNames: readonly string[] },
): DatasetFacts {
  const shown = readMetadata(resolve(directory, of))
  if (shown.structureNames.join('\0') !== structureNames.join('\0'))
    throw new InputError(
      `${join(directory, 'metadata.json')}: structure_names are not those of ${shown.directory}, which it is a view of`,
    )
  return shown
}

function withDigests(split: Split, hashes: Hashes | undefined): Split {
  const recorded = hashes?.splits[split.name]
  if (!recorded) return split
  checkLabels(split, recorded)
  return { ...split, digests: recorded.images.map((images, n) => ({ images, masks: recorded.masks[n]! })) }
}

/** Reads the shapes, presence labels and scenarios of one split file. Throws InputError like `openDataset`. */
export async function openSplit(name: SplitName, path: string): Promise<Split> {
  const file = await Hdf5File.open(path)
  try {
    const images = imagesOf(file)
    const masks = masksOf(file, images)
    const { samples, imageSize, channels } = images
    const structures = masks.shape[1]!
    const presence = readPresence(file, samples, structures)
    const scenarios = readTexts(file, 'scenarios', samples)
    const subjects = readTexts(file, 'subjects', samples)
    const spacing = readSpacing(file, samples)
    return { name, path, samples, imageSize, channels, structures, presence, scenarios, subjects, spacing }
  } finally {
    file.close()
  }
}

function readPresence(file: Hdf5File, samples: number, structures: number): Int8Array {
  const dataset = file.dataset('presence_labels')
  if (dataset.kind === 'string') reject(file, 'presence_labels', 'holds strings, expected integers')
  if (dataset.shape.join() !== `${samples},${structures}`)
    reject(file, 'presence_labels', `has shape (${dataset.shape}), expected (${samples},${structures}) as masks has`)
  const values = labelsIn(file, dataset)
  for (const [i, value] of values.entries())
    if (value !== 1 && value !== 0 && value !== -1)
      reject(
        file,
        'presence_labels',
        `sample ${Math.floor(i / structures)}, structure ${i % structures} is ${value}, expected 1, 0 or -1`,
      )
  return Int8Array.from(values)
}

export function readTexts(file: Hdf5File, name: 'scenarios' | 'subjects', samples: number): string[] {
  if (!file.has(name)) return new Array<string>(samples).fill('')
  const dataset = file.dataset(name)
  if (dataset.shape[0] !== samples) reject(file, name, `has shape (${dataset.shape}), expected (${samples})`)
  return file.readStrings(dataset)
}

export function readSpacing(file: Hdf5File, samples: number): Float64Array | undefined {
  if (!file.has('voxel_spacing')) return undefined
  const dataset = file.dataset('voxel_spacing')
  if (dataset.kind === 'string' || dataset.shape.join() !== `${samples},3`)
    reject(file, 'voxel_spacing', `is ${dataset.kind} of shape (${dataset.shape}), expected numbers of (${samples},3)`)
  const values = Float64Array.from(file.read(dataset, 0, samples), Number)
  const wrong = values.findIndex(value => !(value > 0 && value < Number.POSITIVE_INFINITY))
  if (wrong >= 0)
    reject(file, 'voxel_spacing', `sample ${Math.floor(wrong / 3)} has ${values[wrong]}, expected positive millimetres`)
  return values
}

/** What metadata.json says. */
export type DatasetFacts = Omit<Dataset, 'channels' | 'splits'>

/** Reads metadata.json only. Throws InputError like `openDataset`. */
export function readMetadata(directory: string): DatasetFacts {
  const { view: _, ...facts } = readViewed(directory)
  return facts
}

function readViewed(directory: string): DatasetFacts & { view: DatasetView | undefined } {
  const path = join(directory, 'metadata.json')
  checkFolder(directory)
  const text = readText(path, "the dataset's metadata.json; sadaan-gpu import makes a dataset of scans")
  const metadata = checkNames(parseJson(text, path, metadataSchema), path)
  const { preparation, training_scans } = metadata
  return {
    directory,
    structureNames: metadata.structure_names,
    imageSize: metadata.image_size,
    channelNames: metadata.channel_names,
    preparation: preparation === undefined ? undefined : parsePreparation(preparation, path),
    patches: metadata.patches,
    trainingScans: training_scans === undefined ? undefined : parseScanRanges(training_scans, path),
    view: metadata.view,
  }
}

/** Throws InputError if there is no folder for a dataset. */
export function checkFolder(directory: string): void {
  const facts = factsOf(directory)
  if (facts?.isDirectory()) return
  if (facts) throw new InputError(`${directory}: is a file, expected the dataset's folder, e.g. ${dirname(directory)}`)
  throw new InputError(`${directory}: no such folder, expected a dataset; sadaan-gpu generate or import makes one`)
}

/** Throws InputError if the dataset lacks the split. */
export function splitOf({ directory, splits }: Dataset, name: SplitName): Split {
  const there = Object.keys(splits)
  const split = splits[name]
  if (!split)
    throw new InputError(
      `${join(directory, `${name}.h5`)}: no such file, the dataset has ${there.join(' and ')}; choose one, e.g. --split ${there.at(-1)}`,
    )
  return split
}

type Metadata = z.infer<typeof metadataSchema>

function checkNames(metadata: Metadata, path: string): Metadata {
  const names = metadata.structure_names
  const twice = firstRepeated(names)
  if (twice !== undefined) throw new InputError(`${path}: structure_names has '${twice}' twice`)
  if (names.includes('__proto__'))
    throw new InputError(`${path}: structure_names has '__proto__', expected another name`)
  if (metadata.num_structures !== undefined && metadata.num_structures !== names.length)
    throw new InputError(`${path}: num_structures is ${metadata.num_structures}, structure_names has ${names.length}`)
  return metadata
}

function checkAgreement(split: Split, { structureNames, imageSize }: DatasetFacts, directory: string): void {
  const names = structureNames.length
  const path = join(directory, 'metadata.json')
  if (split.structures !== names)
    throw new InputError(`${split.path}: masks have ${split.structures} structures, ${path} names ${names}`)
  if (split.imageSize.join() !== imageSize.join())
    throw new InputError(`${split.path}: images are ${split.imageSize.join('×')}, ${path} says ${imageSize.join('×')}`)
}

function isThere(path: string): boolean {
  return factsOf(path) !== undefined
}

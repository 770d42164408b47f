import { basename, join } from 'node:path'
import { InputError } from '../../util/error.ts'
import { factsOf } from '../../util/files/lookup.ts'
import { checkFolder, shownBy } from '../dataset/dataset.ts'
import { readHashes } from '../dataset/hashes.ts'
import { SPLIT_NAMES, type SplitName } from '../dataset/split.ts'
import { type DatasetView, rowsOfSubjects } from '../dataset/view.ts'
import { LARGEST_VOXEL } from '../scan/intensity.ts'
import { compareSplits, type Examined } from './between.ts'
import { examineAll } from './examiners.ts'
import { type Finding, Findings } from './findings.ts'
import { compareHashes, recordHashes } from './hashes.ts'
import { type KnownMetadata, validateMetadata } from './metadata.ts'
import type { ExaminationRequest, ExaminedSample, ImageFacts, MaskFacts } from './sample_examiner.ts'
import { structureName, validateSplit } from './split.ts'

export interface ValidateOptions {
  directory: string
  /** Number of reading threads; 0 reads in the calling thread. */
  workers: number
  /** true: record hashes.json if there is no error; false: compare with an existing one. */
  hash: boolean
  progress?: (done: number, all: number) => void
}

export interface Validation {
  directory: string
  /** folder of the dataset that this one is a view of */
  viewOf?: string
  structureNames: readonly string[]
  /** number of samples in each split that could be read */
  splits: Partial<Record<SplitName, number>>
  /** errors first */
  findings: Finding[]
  errors: number
  warnings: number
  /** hashes.json is absent; was compared; was written; or was not written because of errors */
  hashes: 'none' | 'compared' | 'recorded' | 'not recorded'
}

/**
 * Finds every contradiction in a dataset's folder: unreadable files, shapes, labels that contradict masks, voxels, names, and samples or
 * subjects shared by two splits. Damage in one place does not prevent checking the rest. Of a view, the samples that it shows are checked, in the
 * files of the other dataset. Throws InputError if there is no such folder, or to record the hashes of a view.
 */
export async function validateDataset(options: ValidateOptions): Promise<Validation> {
  const { directory, workers, hash, progress } = options
  checkFolder(directory)
  const findings = new Findings()
  const metadata = validateMetadata(directory, findings)
  const { view } = metadata
  const folder = view ? shownFolder(directory, view, metadata, findings) : directory
  if (view && hash)
    throw new InputError(
      `${directory}: is a view of ${folder ?? view.of}, where its hashes are: validate that with --hash`,
    )
  const splits = folder === undefined ? [] : await openSplits(folder, metadata, findings)
  const rows = view && splits[0] && showRows(directory, view, splits[0], findings)
  const recorded =
    hash || folder === undefined ? undefined : findings.attempt(join(folder, 'hashes.json'), () => readHashes(folder))
  const requests = splits.flatMap(requestsOf)
  const byPath = new Map(splits.map(split => [split.path, split]))
  let done = 0
  await examineAll(requests, workers, ({ path, sample }, facts) => {
    take(byPath.get(path)!, sample, facts, metadata, findings)
    progress?.(++done, requests.length)
  })
  compareSplits(splits, metadata, findings)
  if (recorded) compareHashes(splits, metadata, recorded, findings)
  const list = findings.list()
  const errors = list.filter(({ severity }) => severity === 'error').length
  if (hash && errors === 0) recordHashes(directory, metadata, splits)
  return {
    directory,
    ...(view && { viewOf: folder ?? view.of }),
    structureNames: metadata.structureNames ?? [],
    splits: rows ?? Object.fromEntries(splits.map(({ name, samples }) => [name, samples])),
    findings: list,
    errors,
    warnings: list.length - errors,
    hashes: hash ? (errors === 0 ? 'recorded' : 'not recorded') : recorded ? 'compared' : 'none',
  }
}

/** The folder of the dataset that a view shows; undefined if it cannot be shown. */
function shownFolder(
  directory: string,
  { of }: DatasetView,
  { structureNames = [] }: KnownMetadata,
  findings: Findings,
): string | undefined {
  return findings.attempt(join(directory, 'metadata.json'), () => shownBy(of, { directory, structureNames }).directory)
}

/** Notes which split of the view each sample of the file is in. Returns how many each has; undefined if its subjects are not in the file. */
function showRows(directory: string, { subjects }: DatasetView, split: Examined, findings: Findings) {
  const path = join(directory, 'metadata.json')
  const rows = findings.attempt(path, () => rowsOfSubjects(split, subjects, path))
  if (!rows) return undefined
  const parts = new Array<SplitName | undefined>(split.samples).fill(undefined)
  for (const name of ['train', 'val'] as const) for (const row of rows[name]) parts[row] = name
  split.parts = parts
  return { train: rows.train.length, val: rows.val.length }
}

/** A view shows the training split only. */
async function openSplits(directory: string, metadata: KnownMetadata, findings: Findings): Promise<Examined[]> {
  const splits: Examined[] = []
  for (const name of metadata.view ? (['train'] as const) : SPLIT_NAMES) {
    const path = join(directory, `${name}.h5`)
    if (name === 'test' && !factsOf(path)) continue
    const split = await validateSplit(name, path, metadata, findings)
    if (split) splits.push({ ...split, images: [], masks: [], constant: new Set() })
  }
  return splits
}

function requestsOf({ path, samples, hasImages, hasMasks, parts }: Examined): ExaminationRequest[] {
  if (!hasImages) return []
  const requests = Array.from({ length: samples }, (_, sample) => ({ path, sample, hasMasks }))
  return parts ? requests.filter(({ sample }) => parts[sample] !== undefined) : requests
}

function take(
  split: Examined,
  sample: number,
  facts: ExaminedSample,
  metadata: KnownMetadata,
  findings: Findings,
): void {
  for (const part of [facts.images, facts.masks])
    if (part && 'refusal' in part) findings.addRefusal(new InputError(part.refusal), split.path)
  if (facts.images && !('refusal' in facts.images)) takeImage(split, sample, facts.images, findings)
  if (facts.masks && !('refusal' in facts.masks)) takeMasks(split, sample, facts.masks, metadata, findings)
}

function takeImage(split: Examined, sample: number, facts: ImageFacts, findings: Findings): void {
  const { digest, notFinite, lowest, highest } = facts
  const at = { file: basename(split.path), dataset: 'images', sample }
  split.images[sample] = digest
  if (notFinite > 0) findings.add({ ...at, severity: 'error', message: 'non-finite voxels', value: notFinite })
  const largest = Math.max(-lowest, highest)
  if (largest > LARGEST_VOXEL)
    findings.add({
      ...at,
      severity: 'error',
      message: `voxels beyond ±${LARGEST_VOXEL.toExponential()}`,
      value: largest,
    })
  if (lowest < 0) findings.add({ ...at, severity: 'warning', message: 'intensities below 0', value: lowest })
  if (highest > 255) findings.add({ ...at, severity: 'warning', message: 'intensities above 255', value: highest })
  if (lowest !== highest || notFinite > 0) return
  split.constant.add(sample)
  if (lowest === 0) findings.add({ ...at, severity: 'error', message: 'is empty: every voxel is 0' })
  else findings.add({ ...at, severity: 'warning', message: 'all voxels are equal', value: lowest })
}

function takeMasks(
  split: Examined,
  sample: number,
  facts: MaskFacts,
  metadata: KnownMetadata,
  findings: Findings,
): void {
  const { presence, structures = 0 } = split
  split.masks[sample] = facts.digest
  for (const [s, voxels] of facts.voxels.entries()) {
    const at = { file: basename(split.path), dataset: 'masks', structure: structureName(metadata, s), sample }
    const wrong = facts.wrong[s]!
    if (wrong > 0) findings.add({ ...at, severity: 'error', message: 'voxels other than 0 and 1', value: wrong })
    const label = presence?.[sample * structures + s]
    if (label === 0 && voxels > 0)
      findings.add({ ...at, severity: 'error', message: 'labelled absent (0), but its mask has voxels', value: voxels })
    if (label === -1 && voxels > 0)
      findings.add({
        ...at,
        severity: 'warning',
        message: 'labelled unknown (-1), but its mask has voxels',
        value: voxels,
      })
    if (label === 1 && voxels === 0)
      findings.add({ ...at, severity: 'warning', message: 'labelled present (1), but its mask is empty' })
  }
}

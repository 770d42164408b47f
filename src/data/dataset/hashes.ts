import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import { InputError } from '../../util/error.ts'
import { codeOf } from '../../util/files/reason.ts'
import { parseJson } from '../../util/json.ts'
import { readText, writeJson } from '../../util/whole_file.ts'
import type { Hdf5File, NumericArray } from '../hdf5/file.ts'
import type { SampleDigests, Split, SplitName } from './split.ts'
import { reject } from './volumes.ts'

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits')
const splitSchema = z
  .strictObject({
    /** of (N, S) as int8 */
    presence_labels: digest,
    /** of each sample */
    images: z.array(digest),
    masks: z.array(digest),
  })
  .refine(({ images, masks }) => images.length === masks.length, 'images and masks differ in length')
const hashesSchema = z.strictObject({
  algorithm: z.literal('sha256'),
  structure_names: z.array(z.string()),
  splits: z.strictObject({ train: splitSchema.optional(), val: splitSchema.optional(), test: splitSchema.optional() }),
})

export type SplitHashes = z.infer<typeof splitSchema>
/** hashes.json: digests of a dataset's samples as they were when recorded. */
export type Hashes = z.infer<typeof hashesSchema>

const pathOf = (directory: string): string => join(directory, 'hashes.json')

/** The recorded hashes, or undefined if there are none. Throws InputError if the file is invalid. */
export function readHashes(directory: string): Hashes | undefined {
  const path = pathOf(directory)
  let text: string
  try {
    text = readText(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  return parseJson(text, path, hashesSchema)
}

export function writeHashes(
  directory: string,
  structureNames: readonly string[],
  splits: Partial<Record<SplitName, SplitHashes>>,
): void {
  const hashes: Hashes = { algorithm: 'sha256', structure_names: [...structureNames], splits }
  writeJson(pathOf(directory), hashes)
}

/** `values` are HDF5 rows from `Hdf5File.read`. */
export function digestOf(values: NumericArray): string {
  return createHash('sha256').update(values).digest('hex')
}

/** `presence`: (N, S), 1, 0 or −1. */
export function digestOfLabels(presence: ArrayLike<number>): string {
  return digestOf(Int8Array.from(presence))
}

/** Throws InputError with file, dataset and sample if the sample differs from its record. */
export function checkDigest(
  file: Hdf5File,
  name: keyof SampleDigests,
  sample: number,
  stored: NumericArray,
  recorded: string,
): void {
  if (digestOf(stored) !== recorded)
    reject(
      file,
      name,
      `sample ${sample} is not what hashes.json recorded; if it was changed on purpose: validate --hash`,
    )
}

/** Compares a split with its record, except for the volumes. Throws InputError. */
export function checkLabels({ path, samples, presence }: Split, recorded: SplitHashes): void {
  const advice = 'if it was changed on purpose: validate --hash'
  if (recorded.images.length !== samples)
    throw new InputError(`${path}: has ${samples} samples, hashes.json recorded ${recorded.images.length}; ${advice}`)
  if (digestOfLabels(presence) !== recorded.presence_labels)
    throw new InputError(`${path}: dataset 'presence_labels' is not what hashes.json recorded; ${advice}`)
}

/** Throws InputError if names or order of the structures have changed since the hashes were recorded. */
export function checkNamesRecorded(directory: string, structureNames: readonly string[], recorded: Hashes): void {
  const at = recorded.structure_names.findIndex((name, s) => name !== structureNames[s])
  if (at >= 0 || recorded.structure_names.length !== structureNames.length) {
    const s = at >= 0 ? at : recorded.structure_names.length
    const [is, was] = [structureNames[s], recorded.structure_names[s]].map(name => name ?? 'none')
    throw new InputError(
      `${join(directory, 'metadata.json')}: structure_names: number ${s} is ${is}, hashes.json recorded ${was}; if it was changed on purpose: validate --hash`,
    )
  }
}

/** Builds the record of a split sample by sample. */
export class SplitRecorder {
  private readonly images: string[] = []
  private readonly masks: string[] = []
  private readonly presence: number[] = []

  add(digests: SampleDigests, presence: readonly number[]): void {
    this.images.push(digests.images)
    this.masks.push(digests.masks)
    this.presence.push(...presence)
  }

  get hashes(): SplitHashes {
    return { presence_labels: digestOfLabels(this.presence), images: this.images, masks: this.masks }
  }
}

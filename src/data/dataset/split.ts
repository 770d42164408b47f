import type { ImageSize } from '../../util/shape.ts'

export const SPLIT_NAMES = ['train', 'val', 'test'] as const

export type SplitName = (typeof SPLIT_NAMES)[number]

/** One HDF5 file of a dataset. */
export interface Split {
  name: SplitName
  path: string
  samples: number
  /** Number of voxels along (H, W, D) of a sample, as stored or cut. */
  imageSize: ImageSize
  channels: number
  structures: number
  /** (samples, structures): 1 present, 0 absent, −1 unknown. */
  presence: Int8Array
  /** One name per sample; empty strings if the file has none. */
  scenarios: string[]
  /** The subject of each sample; empty strings if the file has none. */
  subjects: string[]
  /** For each structure its number in the file, or −1 if the file does not annotate it; undefined if they are those of the file. */
  masksAt?: readonly number[]
  /** (samples, 3): voxel spacing in millimetres along H, W, D; undefined if the file has none. */
  spacing: Float64Array | undefined
  /** of each sample, if hashes.json has them */
  digests?: readonly SampleDigests[]
  /** for each sample its row in the file; undefined if these are all rows, in order */
  rows?: readonly number[]
  /** Samples are patches that are cut out of the stored ones while these are decoded. Presence and digests are then those of the stored samples. */
  cut?: PatchCut
}

/** Where the patches of a split are: fixed for each sample, or drawn anew each epoch (`PatchRule`). */
export type PatchCut = { kind: 'grid'; starts: readonly ImageSize[] } | { kind: 'drawn'; foreground: number }

/** Millimetres between the voxels of a sample on a grid of `size` over the same field of view; undefined if the file does not say. */
export function spacingOn(
  { spacing, imageSize }: Split,
  sample: number,
  size: readonly [number, number, number],
): [number, number, number] | undefined {
  if (!spacing) return undefined
  const along = (axis: 0 | 1 | 2): number => (spacing[3 * sample + axis]! * imageSize[axis]) / size[axis]
  return [along(0), along(1), along(2)]
}

/** SHA-256 of one sample's rows as stored, little-endian and uncompressed: the bytes of `tobytes()` in h5py. */
export interface SampleDigests {
  images: string
  masks: string
}

/** The split with other structures: number s is number `masksAt[s]` of the file, or unknown in every sample where that is −1. */
export function withStructures(split: Split, masksAt: readonly number[]): Split {
  const presence = new Int8Array(split.samples * masksAt.length)
  for (let n = 0; n < split.samples; n++)
    for (const [s, at] of masksAt.entries())
      presence[n * masksAt.length + s] = at < 0 ? -1 : split.presence[n * split.structures + at]!
  return { ...split, structures: masksAt.length, presence, masksAt }
}

/** Some samples of a split, by their numbers, as a split of their own. */
export function withRows(split: Split, name: SplitName, rows: readonly number[]): Split {
  const { structures, presence, scenarios, subjects, spacing, digests } = split
  return {
    ...split,
    name,
    samples: rows.length,
    presence: Int8Array.from(rows.flatMap(n => [...presence.subarray(n * structures, (n + 1) * structures)])),
    scenarios: rows.map(n => scenarios[n]!),
    subjects: rows.map(n => subjects[n]!),
    spacing: spacing && Float64Array.from(rows.flatMap(n => [...spacing.subarray(3 * n, 3 * n + 3)])),
    ...(digests && { digests: rows.map(n => digests[n]!) }),
    rows: rows.map(n => split.rows?.[n] ?? n),
  }
}

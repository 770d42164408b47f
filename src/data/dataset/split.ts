import type { ImageSize } from '../../util/shape.ts'

export const SPLIT_NAMES = ['train', 'val', 'test'] as const

export type SplitName = (typeof SPLIT_NAMES)[number]

/** One HDF5 file of a dataset. */
export interface Split {
  name: SplitName
  path: string
  samples: number
  /** Number of voxels along (H, W, D) as stored. */
  imageSize: ImageSize
  channels: number
  structures: number
  /** (samples, structures): 1 present, 0 absent, −1 unknown. */
  presence: Int8Array
  /** One name a sample; empty strings where the file has none. */
  scenarios: string[]
  /** Whose scan a sample is of; empty strings where the file does not say. */
  subjects: string[]
  /** (samples, 3): millimetres between voxels along H, W, D; undefined where the file does not say. */
  spacing: Float64Array | undefined
  /** of each sample, where hashes.json has them */
  digests?: readonly SampleDigests[]
}

/** SHA-256 of one sample's rows as they are stored, little-endian and uncompressed: what `tobytes()` gives in h5py. */
export interface SampleDigests {
  images: string
  masks: string
}

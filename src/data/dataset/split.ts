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
  /** One name per sample; empty strings if the file has none. */
  scenarios: string[]
  /** The subject of each sample; empty strings if the file has none. */
  subjects: string[]
  /** (samples, 3): voxel spacing in millimetres along H, W, D; undefined if the file has none. */
  spacing: Float64Array | undefined
  /** of each sample, if hashes.json has them */
  digests?: readonly SampleDigests[]
}

/** SHA-256 of one sample's rows as stored, little-endian and uncompressed: the bytes of `tobytes()` in h5py. */
export interface SampleDigests {
  images: string
  masks: string
}

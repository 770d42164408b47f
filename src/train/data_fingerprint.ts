import { createHash } from 'node:crypto'
import type { Dataset } from '../data/dataset/dataset.ts'
import type { Split } from '../data/dataset/split.ts'

/** Identifies a dataset without reading its volumes. Checkpoints keep it because folders move. */
export interface DataFingerprint {
  structures: string[]
  /** stored size (H, W, D) */
  image_size: number[]
  channels: number
  /** number of samples and a digest of their presence labels */
  train: string
  val: string
  /** digest of the digests in hashes.json, if there is one */
  train_contents?: string
  val_contents?: string
}

/** The keys that a different validation split changes. */
export const OF_VALIDATION: readonly (keyof DataFingerprint)[] = ['val', 'val_contents']

export function fingerprintOf({ structureNames, imageSize, channels, splits }: Dataset): DataFingerprint {
  const of = ({ samples, presence }: Split): string => `${samples} samples, labels ${shortDigest(presence)}`
  return {
    structures: structureNames,
    image_size: [...imageSize],
    channels,
    train: of(splits.train!),
    val: of(splits.val!),
    ...contentsOf('train_contents', splits.train!),
    ...contentsOf('val_contents', splits.val!),
  }
}

function contentsOf(key: 'train_contents' | 'val_contents', { digests }: Split): Partial<DataFingerprint> {
  return digests ? { [key]: shortDigest(digests.flatMap(({ images, masks }) => [images, masks]).join()) } : {}
}

function shortDigest(content: string | Int8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 12)
}

import { createHash } from 'node:crypto'
import type { Dataset, Split } from '../data/dataset/dataset.ts'
import { InputError } from '../util/error.ts'
import type { ResumePoint } from './resume.ts'

/** What tells one dataset from another without reading its volumes: a checkpoint keeps it, since the folder may move. */
export interface DataFingerprint {
  structures: string[]
  /** stored size (H, W, D) */
  image_size: number[]
  channels: number
  /** samples, and a digest of their presence labels */
  train: string
  val: string
  /** a digest of hashes.json's digests, where there is one */
  train_contents?: string
  val_contents?: string
}

/** What another validation split changes. */
const OF_VALIDATION: readonly (keyof DataFingerprint)[] = ['val', 'val_contents']

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

/**
 * Holds the data against those of a checkpoint, as far as both are known. Another validation split is said to `say`, since the best model
 * so far was judged by the other; anything else that differs is an InputError with both values.
 */
export function checkSameData(
  { path, checkpoint, progress }: Pick<ResumePoint, 'path' | 'checkpoint' | 'progress'>,
  dataset: Dataset,
  say: (line: string) => void,
): void {
  const trained: Partial<DataFingerprint> = progress.data ?? { structures: checkpoint.structureNames }
  const given = fingerprintOf(dataset)
  const differing = (Object.keys(trained) as (keyof DataFingerprint)[]).filter(
    key => given[key] !== undefined && JSON.stringify(given[key]) !== JSON.stringify(trained[key]),
  )
  const text = (key: keyof DataFingerprint): string =>
    `${key} is ${JSON.stringify(given[key])}, was ${JSON.stringify(trained[key])}`
  const refused = differing.filter(key => !OF_VALIDATION.includes(key))
  if (refused.length > 0)
    throw new InputError(
      `${path}: was trained with other data than ${dataset.directory}: ${refused.map(text).join('; ')}`,
    )
  if (differing.length > 0)
    say(`warning: ${path}: the best model so far was judged by other data: ${differing.map(text).join('; ')}`)
}

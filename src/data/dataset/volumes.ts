import { InputError } from '../../util/error.ts'
import type { ImageSize } from '../../util/shape.ts'
import type { Hdf5Dataset, Hdf5File, NumericArray } from '../hdf5/file.ts'

/** A million samples of 16 structures as int64. They are read at once and converted, which takes four times as much. */
const LABEL_LIMIT = 2 ** 27 // bytes

export interface Images {
  dataset: Hdf5Dataset
  samples: number
  channels: number
  imageSize: ImageSize
}

/** The dataset `images`: numbers of shape (N, H, W, D) or (N, C, H, W, D). Throws InputError for anything else. */
export function imagesOf(file: Hdf5File): Images {
  const dataset = file.dataset('images')
  const { shape, kind } = dataset
  if (kind === 'string' || kind === 'bool') reject(file, 'images', `holds ${kind}, expected numbers`)
  if (shape.length !== 4 && shape.length !== 5)
    reject(file, 'images', `has shape (${shape}), expected (N, H, W, D) or (N, C, H, W, D)`)
  if (shape.includes(0)) reject(file, 'images', `has shape (${shape}), expected at least one voxel`)
  const [height, width, depth] = shape.slice(-3) as ImageSize
  const channels = shape.length === 5 ? shape[1]! : 1
  return { dataset, samples: samplesOf(file, dataset), channels, imageSize: [height, width, depth] }
}

/**
 * How many samples a dataset states. Throws InputError if they cannot be in a file of its length, where every sample takes more than one byte:
 * labels, names and digests of so many would take memory without bounds.
 */
export function samplesOf(file: Hdf5File, { name, shape }: Hdf5Dataset): number {
  const samples = shape[0] ?? 0
  if (samples > file.bytes) reject(file, name, `states ${samples} samples in a file of ${file.bytes} bytes`)
  return samples
}

/** The dataset `masks`: booleans, int8 or uint8 of shape (N, S, H, W, D) on the grid of the images. */
export function masksOf(file: Hdf5File, images: Images): Hdf5Dataset {
  const dataset = file.dataset('masks')
  const { shape, kind } = dataset
  if (!['bool', 'int8', 'uint8'].includes(kind))
    reject(file, 'masks', `holds ${kind}, expected booleans, int8 or uint8`)
  const expected = `(${images.samples},S,${images.imageSize})`
  const fits =
    shape.length === 5 &&
    shape[0] === images.samples &&
    shape.slice(2).join() === images.imageSize.join() &&
    shape[1]! > 0
  if (!fits) reject(file, 'masks', `has shape (${shape}), expected ${expected} to match images`)
  return dataset
}

/** The stored labels of all samples. Throws InputError before it takes memory for more of them than a dataset can have. */
export function labelsIn(file: Hdf5File, dataset: Hdf5Dataset): NumericArray {
  const bytes = dataset.shape.reduce((product, axis) => product * axis, dataset.elementBytes)
  if (bytes > LABEL_LIMIT) reject(file, dataset.name, `has ${bytes} bytes, at most ${LABEL_LIMIT} can be read`)
  return file.read(dataset, 0, dataset.shape[0]!)
}

/** Throws InputError with file, dataset and reason. */
export function reject(file: Hdf5File, dataset: string, reason: string): never {
  throw new InputError(`${file.path}: dataset '${dataset}' ${reason}`)
}

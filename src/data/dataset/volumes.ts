import { InputError } from '../../util/error.ts'
import type { ImageSize } from '../../util/shape.ts'
import type { Hdf5Dataset, Hdf5File } from '../hdf5/file.ts'

/** Beyond this, sums of squares over a batch may exceed float32, and the network's outputs would be no numbers. */
export const LARGEST_VOXEL = 1e12

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
  return { dataset, samples: shape[0]!, channels, imageSize: [height, width, depth] }
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

/** Throws InputError with file, dataset and reason. */
export function reject(file: Hdf5File, dataset: string, reason: string): never {
  throw new InputError(`${file.path}: dataset '${dataset}' ${reason}`)
}

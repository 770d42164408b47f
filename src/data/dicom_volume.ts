import { InputError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'
import type { DicomStorage } from './dicom_codec.ts'
import { type DicomImage, type DicomSlice, storageOf } from './dicom_image.ts'
import { readFrames } from './dicom_pixels.ts'
import type { NumericArray } from './hdf5_file.ts'
import type { ImageSize } from './volumes.ts'

const VOXEL_LIMIT = 2 ** 28 // 1 GiB of float32, as of a NIfTI file

/**
 * The voxels of slices in their order, (I, J, K): columns, rows, slices, the last fastest. One frame is in memory beside them. 16-bit
 * integers where every value that can be stored fits, else float32, or float64 of 32 bits stored. Throws InputError.
 */
export function readVolume(slices: readonly DicomSlice[], path: string): { values: NumericArray; size: ImageSize } {
  const images = new Map<DicomImage, DicomStorage>()
  for (const { image } of slices) if (!images.has(image)) images.set(image, storageOf(image))
  const [first] = images.values() as Iterable<DicomStorage>
  const { rows, columns } = first!
  for (const [{ file }, storage] of images)
    if (storage.rows !== rows || storage.columns !== columns)
      throw new InputError(
        `${file.path}: has ${storage.columns}×${storage.rows} voxels, other slices ${columns}×${rows}`,
      )
  const size: ImageSize = [columns, rows, slices.length]
  if (sizeOf(size) > VOXEL_LIMIT) throw new InputError(`${path}: has ${size.join('×')} voxels, at most ${VOXEL_LIMIT}`)
  const values = allocate(slices, images, sizeOf(size))
  const places = new Map(slices.map((slice, k) => [slice, k]))
  for (const [image, storage] of images) {
    const own = new Map(slices.filter(slice => slice.image === image).map(slice => [slice.frame, slice]))
    readFrames(image.file, storage, image.frames, [...own.keys()], (frame, stored) => {
      const slice = own.get(frame)!
      place(stored, slice, places.get(slice)!, size, values)
    })
  }
  return { values, size }
}

function place(stored: ArrayLike<number>, slice: DicomSlice, k: number, size: ImageSize, values: NumericArray): void {
  const [columns, rows, depth] = size
  let at = 0
  for (let j = 0; j < rows; j++)
    for (let i = 0; i < columns; i++) values[(i * rows + j) * depth + k] = stored[at++]! * slice.slope + slice.intercept
}

function allocate(
  slices: readonly DicomSlice[],
  images: ReadonlyMap<DicomImage, DicomStorage>,
  voxels: number,
): NumericArray {
  const storages = [...images.values()]
  const isShort = slices.every(({ image, slope, intercept }) => {
    const { bitsStored, isSigned } = images.get(image)!
    const [least, most] = isSigned ? [-(2 ** (bitsStored - 1)), 2 ** (bitsStored - 1) - 1] : [0, 2 ** bitsStored - 1]
    const ends = [least * slope + intercept, most * slope + intercept]
    return Number.isInteger(slope) && Number.isInteger(intercept) && ends.every(end => end >= -32768 && end <= 32767)
  })
  if (isShort) return new Int16Array(voxels)
  return storages.some(({ bitsStored }) => bitsStored > 24) ? new Float64Array(voxels) : new Float32Array(voxels)
}

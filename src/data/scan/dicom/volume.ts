import { InputError } from '../../../util/error.ts'
import { type ImageSize, sizeOf } from '../../../util/shape.ts'
import type { NumericArray } from '../../hdf5/file.ts'
import type { DicomStorage } from './codec.ts'
import { type DicomImage, type DicomSlice, storageOf } from './image.ts'
import { checkPixelBytes, readFrames } from './pixels.ts'

const VOXEL_LIMIT = 2 ** 28 // 1 GiB of float32, as for NIfTI

/**
 * The voxels of ordered slices, (I, J, K): columns, rows, slices; slices fastest. Keeps one group of frames in memory besides. The type is
 * int16 if every storable value fits, otherwise float32, or float64 for more than 24 stored bits. Throws InputError.
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
  for (const [image, storage] of images) checkPixelBytes(image.file, storage, image.frames)
  const values = allocate(slices, images, sizeOf(size))
  const planes = new PlaneWriter(values, size)
  for (const [image, storage] of images) {
    const own = new Map<number, number>() // frame of the image → slice of the volume
    for (const [k, slice] of slices.entries()) if (slice.image === image) own.set(slice.frame, k)
    readFrames(image.file, storage, image.frames, [...own.keys()], (frame, stored) => {
      const k = own.get(frame)!
      planes.add({ k, slice: slices[k]!, stored })
    })
  }
  planes.flush()
  return { values, size }
}

interface Plane {
  k: number
  slice: DicomSlice
  stored: ArrayLike<number> // (J, I)
}

const PLANES = 16 // written together, because neighbours along the fastest axis share cache lines

/** Transposes planes (columns fastest) into a volume (slices fastest). */
class PlaneWriter {
  private readonly values: NumericArray
  private readonly size: ImageSize
  private waiting: Plane[] = []

  constructor(values: NumericArray, size: ImageSize) {
    this.values = values
    this.size = size
  }

  add(plane: Plane): void {
    this.waiting.push(plane)
    if (this.waiting.length === PLANES) this.flush()
  }

  flush(): void {
    const { values, waiting } = this
    const [columns, rows, depth] = this.size
    for (let j = 0; j < rows; j++)
      for (let i = 0; i < columns; i++) {
        const voxel = (i * rows + j) * depth
        for (const { k, slice, stored } of waiting)
          values[voxel + k] = stored[j * columns + i]! * slice.slope + slice.intercept
      }
    this.waiting = []
  }
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

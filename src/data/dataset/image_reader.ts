import { InputError } from '../../util/error.ts'
import { type ImageSize, sizeOf } from '../../util/shape.ts'
import type { Hdf5File } from '../hdf5/file.ts'
import { LARGEST_VOXEL } from '../scan/intensity.ts'
import { resampleImage } from '../scan/resample.ts'
import { checkDigest } from './hashes.ts'
import { type Images, imagesOf } from './volumes.ts'

/** Reads the dataset `images` of a file sample by sample, as float32 at the network's input size. */
export class ImageReader {
  readonly stored: Images
  /** size of the returned images */
  readonly size: ImageSize
  private readonly file: Hdf5File

  /** Resamples stored images whose size differs from `size`; without a size, they stay as they are. Throws InputError like `imagesOf`. */
  constructor(file: Hdf5File, size?: ImageSize) {
    this.stored = imagesOf(file)
    this.file = file
    this.size = size ?? this.stored.imageSize
  }

  get isResampled(): boolean {
    return this.size.join() !== this.stored.imageSize.join()
  }

  /**
   * Reads sample `index` into `image` (C, H, W, D). Throws InputError with the sample: corrupt chunk, empty image, non-finite or huge voxel, or
   * a digest other than `recorded`.
   */
  read(index: number, image: Float32Array, recorded?: string): void {
    const { dataset, channels, imageSize } = this.stored
    const stored = this.file.read(dataset, index, 1)
    if (recorded !== undefined) checkDigest(this.file, 'images', index, stored, recorded)
    if (this.isResampled) {
      const [from, to] = [sizeOf(imageSize), sizeOf(this.size)]
      for (let c = 0; c < channels; c++) {
        const source = stored.subarray(c * from, (c + 1) * from)
        resampleImage(source, imageSize, this.size, image.subarray(c * to, (c + 1) * to))
      }
    } else image.set(stored)
    const largest = largestIn(image)
    if (Number.isNaN(largest)) this.reject(index, 'has a voxel that is not a finite float32')
    if (largest > LARGEST_VOXEL)
      this.reject(
        index,
        `has a voxel of magnitude ${largest.toPrecision(3)}, expected at most ${LARGEST_VOXEL.toExponential()}: sums in float32 would overflow`,
      )
    // HDF5 returns zeros for a chunk that was never written, or that a damaged index no longer finds.
    if (!image.some(voxel => voxel !== 0)) this.reject(index, 'is empty: every voxel is 0')
  }

  private reject(index: number, what: string): never {
    throw new InputError(`${this.file.path}: dataset 'images' sample ${index} ${what}`)
  }
}

/** The largest magnitude; NaN if a number is not finite. */
function largestIn(numbers: Float32Array): number {
  let [difference, largest] = [0, 0]
  for (let i = 0; i < numbers.length; i++) {
    const magnitude = Math.abs(numbers[i]!)
    difference += magnitude - magnitude // NaN for infinities too
    if (magnitude > largest) largest = magnitude
  }
  return difference === 0 ? largest : Number.NaN
}

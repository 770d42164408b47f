import { InputError } from '../../util/error.ts'
import { sizeOf } from '../../util/shape.ts'
import { digestOf } from '../dataset/hashes.ts'
import { type Images, imagesOf, masksOf } from '../dataset/volumes.ts'
import { Hdf5File, type NumericArray } from '../hdf5/file.ts'

/** Facts about one sample's volumes, independent of the rest of the dataset. */
export interface ExaminedSample {
  images?: ImageFacts | Refusal
  masks?: MaskFacts | Refusal
}

export interface ImageFacts {
  digest: string
  /** number of voxels that are NaN or infinite */
  notFinite: number
  /** of the finite ones */
  lowest: number
  highest: number
}

export interface MaskFacts {
  digest: string
  /** number of voxels other than 0, per structure */
  voxels: number[]
  /** number of voxels other than 0 and 1, per structure */
  wrong: number[]
}

/** Why a sample's rows cannot be read: the message of the InputError. */
export interface Refusal {
  refusal: string
}

/** A sample to examine. */
export interface ExaminationRequest {
  path: string
  sample: number
  hasMasks: boolean
}

/** Reads samples from any files in the current thread and keeps the files open. */
export class SampleExaminer {
  private readonly files = new Map<string, Promise<{ file: Hdf5File; images: Images }>>()

  /** Reads masks even if the images are damaged. */
  async examine({ path, sample, hasMasks }: ExaminationRequest): Promise<ExaminedSample> {
    if (!this.files.has(path)) this.files.set(path, open(path))
    const { file, images } = await this.files.get(path)!
    const ofImages = attempt(() => imageFactsOf(file.read(images.dataset, sample, 1)))
    if (!hasMasks) return { images: ofImages }
    const voxels = sizeOf(images.imageSize)
    return { images: ofImages, masks: attempt(() => maskFactsOf(file.read(masksOf(file, images), sample, 1), voxels)) }
  }

  async close(): Promise<void> {
    for (const { file } of await Promise.all(this.files.values())) file.close()
    this.files.clear()
  }
}

async function open(path: string): Promise<{ file: Hdf5File; images: Images }> {
  const file = await Hdf5File.open(path)
  return { file, images: imagesOf(file) }
}

function attempt<T>(read: () => T): T | Refusal {
  try {
    return read()
  } catch (error) {
    if (error instanceof InputError) return { refusal: error.message }
    throw error
  }
}

/** `stored`: (C, H, W, D). */
function imageFactsOf(stored: NumericArray): ImageFacts {
  let [lowest, highest, notFinite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]
  for (const value of stored) {
    // rounded to float32, as in training
    const voxel = Math.fround(value)
    if (!Number.isFinite(voxel)) notFinite++
    else {
      if (voxel < lowest) lowest = voxel
      if (voxel > highest) highest = voxel
    }
  }
  return { digest: digestOf(stored), notFinite, lowest, highest }
}

/** `stored`: (S, H, W, D), each mask of `length` voxels. */
function maskFactsOf(stored: NumericArray, length: number): MaskFacts {
  const structures = stored.length / length
  const voxels = new Array<number>(structures).fill(0)
  const wrong = new Array<number>(structures).fill(0)
  for (let s = 0; s < structures; s++)
    for (let v = s * length; v < (s + 1) * length; v++) {
      const value = stored[v]!
      if (value === 0) continue
      voxels[s]!++
      if (value !== 1) wrong[s]!++
    }
  return { digest: digestOf(stored), voxels, wrong }
}

import { resampleImage } from '../data/resample.ts'
import type { ImageSize } from '../data/volumes.ts'
import { sizeOf } from '../util/shape.ts'

/** Probability above which a voxel belongs to a structure. */
const VOXEL_THRESHOLD = 0.5

/** Makes masks on the grid of the input out of probabilities on the grid of the model. */
export class MaskMaker {
  private readonly from: ImageSize
  private readonly to: ImageSize
  private readonly resampled: Float32Array | undefined
  private readonly mask: Uint8Array

  /** `from`: the model's size, `to`: that of the masks; probabilities are resampled trilinearly where they differ. */
  constructor(from: ImageSize, to: ImageSize) {
    this.from = from
    this.to = to
    this.resampled = from.join() === to.join() ? undefined : new Float32Array(sizeOf(to))
    this.mask = new Uint8Array(sizeOf(to))
  }

  /** The mask of one structure, valid until the next, and its number of voxels; empty where the presence gate is closed. */
  make(probabilities: Float32Array, isPresent: boolean): { mask: Uint8Array; voxels: number } {
    const { mask, resampled } = this
    mask.fill(0)
    if (!isPresent) return { mask, voxels: 0 }
    if (resampled) resampleImage(probabilities, this.from, this.to, resampled)
    const values = resampled ?? probabilities
    let voxels = 0
    for (let v = 0; v < mask.length; v++)
      if (values[v]! > VOXEL_THRESHOLD) {
        mask[v] = 1
        voxels++
      }
    return { mask, voxels }
  }
}

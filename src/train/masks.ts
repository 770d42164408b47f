import type { ImageSize } from '../data/dataset.ts'
import { resampleImage } from '../data/resample.ts'
import { sizeOf } from '../util/shape.ts'
import type { PresenceRow, RawOutputs } from './prediction_files.ts'

/** Probability above which a voxel belongs to a structure. */
const VOXEL_THRESHOLD = 0.5

/** The outputs that masks are made of. */
export type MaskOutputs = Pick<RawOutputs, 'presence_probs' | 'segmentation_probs'>

/** Makes the masks of samples, with the presence gate, on the grid of the input. */
export class SampleMasks {
  private readonly from: ImageSize
  private readonly to: ImageSize
  private readonly threshold: number
  private readonly resampled: Float32Array | undefined

  /**
   * `from`: the model's size, `to`: that of the masks; probabilities are resampled trilinearly where they differ.
   * `threshold`: presence_threshold.
   */
  constructor(from: ImageSize, to: ImageSize, threshold: number) {
    this.from = from
    this.to = to
    this.threshold = threshold
    this.resampled = from.join() === to.join() ? undefined : new Float32Array(sizeOf(to))
  }

  /** The masks (S, H, W, D) of one sample, 0 and 1, and what the table says of them. */
  of({ presence_probs, segmentation_probs }: MaskOutputs): { masks: Uint8Array; rows: PresenceRow[] } {
    const [given, made] = [sizeOf(this.from), sizeOf(this.to)]
    const masks = new Uint8Array(presence_probs.length * made)
    const rows = Array.from(presence_probs, (probability, s): PresenceRow => {
      const present = probability > this.threshold
      const probabilities = segmentation_probs.subarray(s * given, (s + 1) * given)
      const voxels = present ? this.fill(masks.subarray(s * made, (s + 1) * made), probabilities) : 0
      return { probability, present, voxels }
    })
    return { masks, rows }
  }

  /** Writes the mask of one structure and returns its number of voxels. */
  private fill(mask: Uint8Array, probabilities: Float32Array): number {
    if (this.resampled) resampleImage(probabilities, this.from, this.to, this.resampled)
    const values = this.resampled ?? probabilities
    let voxels = 0
    for (let v = 0; v < mask.length; v++)
      if (values[v]! > VOXEL_THRESHOLD) {
        mask[v] = 1
        voxels++
      }
    return voxels
  }
}

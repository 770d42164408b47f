import type { Grid } from './slice.ts'

/** A structure of a sample: ground truth and prediction. */
export interface StructureView {
  name: string
  truth: Uint32Array // (V/32), bit j of word i is voxel 32·i + j
  prediction: Uint32Array // (V/32)
  /** 1 present, 0 absent, −1 unknown */
  presence: number
  /** Predicted probability of presence. */
  probability: number
  /** Dice of `prediction`, which the presence gate may have emptied; null unless the structure is present */
  dice: number | null
  /** attention map (H, W, D), 0..1 */
  attention?: Float32Array
}

/** The ground truth of presence as a word. */
export function presenceText({ presence }: StructureView): 'present' | 'absent' | 'unknown' {
  return presence < 0 ? 'unknown' : presence > 0.5 ? 'present' : 'absent'
}

export interface SampleView extends Grid {
  title: string
  image: Float32Array // (H, W, D)
  structures: readonly StructureView[]
  /** Probability above which a structure is predicted present. */
  threshold: number
}

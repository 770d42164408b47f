import type { VolumeSize } from './slice.ts'

/** A structure of a sample: what is true and what a model says. */
export interface StructureView {
  name: string
  truth: Uint32Array // (V/32), bit j of word i is voxel 32·i + j
  prediction: Uint32Array // (V/32)
  /** 1 present, 0 absent, −1 unknown */
  presence: number
  /** Of presence. */
  probability: number
  /** (H, W, D), 0..1: where the model looked for it */
  attention?: Float32Array
}

export interface SampleView {
  title: string
  size: VolumeSize
  image: Float32Array // (H, W, D)
  structures: readonly StructureView[]
  /** Probability above which a structure is predicted present. */
  threshold: number
}

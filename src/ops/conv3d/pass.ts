import type { Tensor } from '../../graph/tensor.ts'

/** A convolution over channels. The forward pass sums over input channels; the backward-data pass sums over output channels. */
export interface Pass {
  direction: 'forward' | 'backwardData'
  /** the summed channels, concatenated */
  sources: readonly Tensor[]
  weight: Tensor // (O, I, k, k, k)
  /** forward only: (O) */
  bias?: Tensor
  target: Tensor
  /** backward only: the weight's input channel that corresponds to the target's first channel */
  first?: number
  stride: number
  accumulate: boolean
}

/** Whether the pointwise kernels apply: 1×1×1, stride 1. */
export function isPointwise(weight: Tensor, stride: number): boolean {
  return weight.shape[2] === 1 && stride === 1
}

/** Whether the kernels that read bricks apply: 3×3×3, stride 1. */
export function isTiled(weight: Tensor, stride: number): boolean {
  return weight.shape[2] === 3 && stride === 1
}

export interface BackwardWeightArgs {
  sources: readonly Tensor[] // concatenated along channels
  dy: Tensor // (N, O, H', W', D')
  gradient: Tensor // (O, I, k, k, k)
  stride: number
  accumulate: boolean
}

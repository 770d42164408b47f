import type { Tensor } from '../../graph/tensor.ts'

/**
 * One convolution over channels: the forward pass sums over input channels into output channels, the backward-data pass the
 * other way round.
 */
export interface Pass {
  direction: 'forward' | 'backwardData'
  /** summed over; concatenated along channels */
  sources: readonly Tensor[]
  weight: Tensor // (O, I, k, k, k)
  /** forward only: (O) */
  bias?: Tensor
  target: Tensor
  /** backward only: the input channel of the weight that the target's first channel is */
  first?: number
  stride: number
  accumulate: boolean
}

/** Whether a convolution has the kernels that see voxels by themselves: 1x1x1, stride 1. */
export function isPointwise(weight: Tensor, stride: number): boolean {
  return weight.shape[2] === 1 && stride === 1
}

/** Whether a convolution has the kernels that read bricks. */
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

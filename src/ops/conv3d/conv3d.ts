import type { Kernel } from '../../graph/kernel.ts'
import type { GradientTarget, GradientThunk, Tape } from '../../graph/tape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { ContractError } from '../../util/error.ts'
import { type Shape, sameShape, volumeOf } from '../../util/shape.ts'
import { backwardBias } from './bias.ts'
import { lowerPass } from './direct.ts'
import { lower } from './direct_weight.ts'
import { gemm } from './gemm.ts'
import { gemmWeight } from './gemm_weight.ts'
import { matrix } from './matrix.ts'
import { matrixWeight } from './matrix_weight.ts'
import type { BackwardWeightArgs, Pass } from './pass.ts'
import { winograd } from './winograd.ts'
import { winogradWeight } from './winograd_weight.ts'

const variants = [matrix, ...winograd, ...gemm, { name: 'direct', lower: lowerPass }] as const
const forward: Kernel<Pass> = { name: 'conv3d.forward', variants }
const backwardData: Kernel<Pass> = { name: 'conv3d.backwardData', variants }

export interface Conv3dOptions {
  /** (N, C2, H, W, D): a second input, concatenated to x along channels */
  with?: Tensor
  stride?: 1 | 2
  /**
   * The output is read only by a batch norm with batch statistics. The norm removes any constant, so the gradient of the bias is zero
   * and is not computed.
   */
  normalised?: boolean
}

/** Checks shapes and returns the output's: ceil(axis / stride) along each spatial axis. */
function outputShape(sources: readonly Tensor[], weight: Tensor, bias: Tensor, stride: number): Shape {
  const [x, other] = sources as [Tensor, Tensor?]
  const { samples, channels, height, width, depth } = volumeOf(x.shape, 'conv3d')
  const [outputs, , size] = weight.shape as [number, number, number]
  const extra = other ? volumeOf(other.shape, 'conv3d').channels : 0
  if (other && !sameShape(other.shape, [samples, extra, height, width, depth]))
    throw new ContractError('conv3d', 'shape of the second input', other.shape, `samples and volume of ${x.shape}`)
  if ((size !== 1 && size !== 3) || !sameShape(weight.shape, [outputs, channels + extra, size, size, size]))
    throw new ContractError('conv3d', 'weight shape', weight.shape, `(O, ${channels + extra}, k, k, k), k = 1 or 3`)
  if (!sameShape(bias.shape, [outputs])) throw new ContractError('conv3d', 'bias shape', bias.shape, `(${outputs})`)
  return [samples, outputs, ...[height, width, depth].map(axis => Math.ceil(axis / stride))]
}

/**
 * 3D convolution of x (N, I, H, W, D) with weight (O, I, k, k, k) and bias (O): k = 3 with padding 1, or k = 1 without.
 * Returns (N, O, H', W', D'), H' = ceil(H / stride), with the dtype of x, which the second input must share. Throws ContractError on
 * mismatched shapes.
 */
export function conv3d(tape: Tape, x: Tensor, weight: Tensor, bias: Tensor, options: Conv3dOptions = {}): Tensor {
  const stride = options.stride ?? 1
  const sources = options.with ? [x, options.with] : [x]
  const y = tape.temporary('conv3d', outputShape(sources, weight, bias, stride), x.dtype)
  tape.run(forward, { direction: 'forward', sources, weight, bias, target: y, stride, accumulate: false })

  const dataGradient =
    (first: number): GradientThunk =>
    (dy, { tensor: target, accumulate }) =>
      tape.run(backwardData, { direction: 'backwardData', sources: [dy], weight, target, first, stride, accumulate })
  tape.backward(y, [
    ...sources.map((source, i) => [source, dataGradient(i === 0 ? 0 : (x.shape[1] as number))] as const),
    [
      weight,
      (dy: Tensor, { tensor: gradient, accumulate }: GradientTarget) =>
        tape.run(backwardWeight, { sources, dy, gradient, stride, accumulate }),
    ],
    ...(options.normalised
      ? []
      : [
          [
            bias,
            (dy: Tensor, { tensor: gradient, accumulate }: GradientTarget) =>
              tape.run(backwardBias, { dy, gradient, accumulate }),
          ] as const,
        ]),
  ])
  return y
}

/** d(weight): partial sums of fixed chunks of voxels, then a second stage that adds the chunks in order. */
export const backwardWeight: Kernel<BackwardWeightArgs> = {
  name: 'conv3d.backwardWeight',
  variants: [matrixWeight, ...winogradWeight, ...gemmWeight, { name: 'direct', lower }],
}

import { type AdapterFacts, type Dispatch, kernel } from '../graph/kernel.ts'
import type { GradientTarget, Tape } from '../graph/tape.ts'
import { slices, type Tensor, windowOf } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { volumeOf } from '../util/shape.ts'
import { elementwiseCut, planesOf, spansOf } from './work.ts'

/**
 * Max pooling with kernel 2 and stride 2: (N, C, H, W, D) to (N, C, H/2, W/2, D/2). The first of equal values wins.
 * Throws ContractError when H, W or D is odd.
 */
export function maxPool3d(tape: Tape, x: Tensor): Tensor {
  const { samples, channels, height, width, depth } = volumeOf(x.shape, 'maxPool3d')
  if ([height, width, depth].some(axis => axis % 2 !== 0))
    throw new ContractError('maxPool3d', 'shape', x.shape, 'even H, W and D')
  const shape = [samples, channels, height / 2, width / 2, depth / 2]
  const y = tape.temporary('maxPool3d', shape, x.dtype)
  const taps = tape.temporary('maxPool3d.taps', shape, 'u32')
  tape.run(forward, { x, y, taps })
  tape.backward(y, [[x, (dOutput, into) => tape.run(backward, { taps, dOutput, into })]])
  return y
}

/** Slices whose input, or its gradient, fits a binding, with their params. `taps` has the output's shape. */
function slicesOf(taps: Tensor, { dtype }: Tensor, facts: AdapterFacts) {
  const { samples, channels, width, depth, voxels } = volumeOf(taps.shape, 'maxPool3d')
  return slices(samples, channels, voxels * 8, facts.maxBindingBytes, dtype).map(slice => {
    const { params, invocations } = spansOf(elementwiseCut(voxels, facts), planesOf(slice, channels))
    return { slice, params: { ...params, width, depth }, invocations }
  })
}

interface Forward {
  x: Tensor // (N, C, H, W, D)
  y: Tensor // (N, C, H/2, W/2, D/2)
  /** index of the largest of the 8 voxels */
  taps: Tensor // (N, C, H/2, W/2, D/2)
}

const forward = kernel('maxPool3d.forward', ({ x, y, taps }: Forward, at): Dispatch[] => {
  const { tensor, normalisation } = at.source(x)
  return slicesOf(taps, x, at.facts).map(({ slice, ...work }) => ({
    shader: 'max_pool3d',
    entry: 'forward',
    normalisation,
    bindings: { x: windowOf(tensor, slice), y: windowOf(y, slice), taps: windowOf(taps, slice) },
    ...work,
  }))
})

interface Backward {
  taps: Tensor // (N, C, H/2, W/2, D/2)
  dOutput: Tensor // (N, C, H/2, W/2, D/2)
  into: GradientTarget // (N, C, H, W, D)
}

const backward = kernel('maxPool3d.backward', ({ taps, dOutput, into }: Backward, { facts }): Dispatch[] =>
  slicesOf(taps, into.tensor, facts).map(({ slice, ...work }) => ({
    shader: 'max_pool3d',
    entry: 'backward',
    bindings: {
      chosen: windowOf(taps, slice),
      d_output: windowOf(dOutput, slice),
      d_input: windowOf(into.tensor, slice),
    },
    constants: { ACCUMULATE: Number(into.accumulate) },
    ...work,
  })),
)

import { type Dispatch, kernel } from '../graph/kernel.ts'
import type { Tape } from '../graph/tape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'
import { runsOf, runWindow } from './runs.ts'

export interface Dropout {
  /** of dropping an element, in [0, 1) */
  probability: number
  training: boolean
  /** index of a sample's first element; dropouts of a model with disjoint index ranges draw independent numbers */
  firstElement: number
}

/** Throws ContractError naming `operation` on a probability outside [0, 1) or keys that are not u32 (N, 4). */
export function checkDropout(operation: string, probability: number, keys: Tensor, samples: number): void {
  if (!(probability >= 0 && probability < 1))
    throw new ContractError(operation, 'probability', probability, 'a number in [0, 1)')
  if (keys.dtype !== 'u32' || keys.shape.length !== 2 || keys.shape[0] !== samples || keys.shape[1] !== 4)
    throw new ContractError(operation, 'keys', keys.shape, `u32 (${samples}, 4)`)
}

/**
 * Dropout of x (N, ...), scaled by 1 / (1 − probability); x itself outside training or at probability 0. `keys` is u32 (N, 4):
 * seed, epoch, sample index, 0. The mask depends only on these and the element's index within its sample, not on the sample's
 * position in the batch. Throws ContractError on a probability outside [0, 1) or keys of another shape.
 */
export function dropout(tape: Tape, x: Tensor, keys: Tensor, options: Dropout): Tensor {
  checkDropout('dropout', options.probability, keys, x.shape[0]!)
  if (!options.training || options.probability === 0) return x
  const y = tape.temporary('dropout', x.shape)
  tape.run(mask, { x, keys, y, accumulate: false, ...options })
  tape.backward(y, [
    [x, (dOutput, { tensor, accumulate }) => tape.run(mask, { x: dOutput, keys, y: tensor, accumulate, ...options })],
  ])
  return y
}

interface Mask extends Dropout {
  x: Tensor // (N, ...)
  keys: Tensor // (N, 4)
  y: Tensor // (N, ...)
  accumulate: boolean
}

const mask = kernel('dropout', ({ x, keys, y, accumulate, ...options }: Mask, { facts }): Dispatch[] => {
  const { probability, firstElement: element } = options
  const total = sizeOf(x.shape)
  return runsOf(total, 1, facts.maxBindingBytes).map(run => ({
    shader: 'dropout',
    bindings: { x: runWindow(x, run), keys, y: runWindow(y, run) },
    params: { count: run.length, first: run.offset, elements: total / x.shape[0]!, element, probability },
    constants: { ACCUMULATE: Number(accumulate) },
    invocations: run.length,
  }))
})

import { kernel } from '../graph/kernel.ts'
import type { Tape } from '../graph/tape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { runsOf, runWindow } from '../ops/runs.ts'
import { gridInvocations } from '../ops/work.ts'
import { ContractError } from '../util/error.ts'
import { sameShape, sizeOf } from '../util/shape.ts'

export interface AverageTensors {
  /** flat state, updated in place */
  average: Tensor
  /** flat, with the layout of `average` */
  value: Tensor
  /** u32 (2) from `adam`: updates done and skipped */
  counts: Tensor
  /** (3) from `gradientNorm` */
  clip: Tensor
}

/**
 * Moves an exponential moving average towards its values: average · d + value · (1 − d), after update t of at least 1, with
 * d = min(decay, (1 + t) / (10 + t)). Thus the first values, which are far from the last, are soon forgotten. Call it after `adam`: a
 * skipped update leaves the average unchanged.
 */
export function movingAverage(tape: Tape, tensors: AverageTensors, decay: number): void {
  const { average, value, counts } = tensors
  if (!sameShape(average.shape, value.shape))
    throw new ContractError('movingAverage', 'value shape', value.shape, `(${average.shape})`)
  if (counts.dtype !== 'u32') throw new ContractError('movingAverage', 'counts dtype', counts.dtype, 'u32')
  tape.run(move, { tensors, decay })
}

const move = kernel<{ tensors: AverageTensors; decay: number }>(
  'moving_average',
  ({ tensors: { average, value, counts, clip }, decay }, { facts }) =>
    runsOf(sizeOf(average.shape), 1, facts.maxBindingBytes).map(run => ({
      shader: 'optim/moving_average',
      bindings: { clip, counts, value: runWindow(value, run), average: runWindow(average, run) },
      params: { elements: run.length, complement: 1 - decay },
      invocations: gridInvocations(run.length),
    })),
)

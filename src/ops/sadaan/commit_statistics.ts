import { kernel } from '../../graph/kernel.ts'
import type { Tape } from '../../graph/tape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { ContractError } from '../../util/error.ts'
import { sameShape, sizeOf } from '../../util/shape.ts'

/** Weight of the batch: PyTorch's default. */
const MOMENTUM = 0.1

export interface Statistics {
  /** flat state, updated in place */
  running: Tensor
  /** this batch's, with the layout of `running` */
  batch: Tensor
  /** u32 state (1): number of batches tracked, updated in place */
  batches: Tensor
  /** (1) the step's loss */
  total: Tensor
}

/**
 * Updates the running statistics: 0.9 · running + 0.1 · batch for every finite element of the batch's. A non-finite loss leaves
 * them unchanged.
 */
export function commitStatistics(tape: Tape, { running, batch, batches, total }: Statistics): void {
  if (!sameShape(running.shape, batch.shape))
    throw new ContractError('commitStatistics', 'batch shape', batch.shape, `(${running.shape})`)
  if (batches.dtype !== 'u32') throw new ContractError('commitStatistics', 'batches dtype', batches.dtype, 'u32')
  tape.run(commit, { running, batch, batches, total })
}

const commit = kernel<Statistics>('commit_statistics', ({ running, batch, batches, total }) => [
  {
    shader: 'commit_statistics',
    bindings: { total, batch, running, batches },
    params: { elements: sizeOf(running.shape), momentum: MOMENTUM },
    invocations: sizeOf(running.shape),
  },
])

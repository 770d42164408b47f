import { kernel } from '../graph/kernel.ts'
import type { Tape } from '../graph/tape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { runsOf, runWindow } from '../ops/runs.ts'
import { gridInvocations } from '../ops/work.ts'
import { ContractError } from '../util/error.ts'
import { sameShape, sizeOf } from '../util/shape.ts'

export interface Summands {
  /** sum of earlier batches, flat */
  earlier: Tensor
  /** sum of the batches behind them, with the layout of `earlier`; updated in place */
  gradient: Tensor
}

/** Adds the gradients of earlier batches to `gradient`: one node of the tree in which the gradients of a window are summed. */
export function sumGradients(tape: Tape, { earlier, gradient }: Summands): void {
  if (!sameShape(earlier.shape, gradient.shape))
    throw new ContractError('sumGradients', 'earlier shape', earlier.shape, `(${gradient.shape})`)
  tape.run(add, { earlier, gradient })
}

const add = kernel<Summands>('sum_gradients', ({ earlier, gradient }, { facts }) =>
  runsOf(sizeOf(gradient.shape), 1, facts.maxBindingBytes).map(run => ({
    shader: 'optim/sum_gradients',
    bindings: { earlier: runWindow(earlier, run), gradient: runWindow(gradient, run) },
    params: { elements: run.length },
    invocations: gridInvocations(run.length),
  })),
)

import { Arena } from '../graph/arena.ts'
import type { Call } from '../graph/kernel.ts'
import { Tape } from '../graph/tape.ts'
import type { ModelState } from '../nn/model_state.ts'
import { sumGradients } from '../optim/sum_gradients.ts'

/** The sum of the gradients of 2^level batches in a row, kept until as many behind them are summed. */
export interface GradientSum {
  /** in the layout of the gradients */
  arena: Arena
  /** add it to the gradients of the batches behind */
  calls: readonly Call[]
}

/** The sums that a window of at most `batches` keeps, from level 0. A window of one batch keeps none. */
export function gradientSums({ gradients }: ModelState, batches: number): GradientSum[] {
  return Array.from({ length: Math.ceil(Math.log2(batches)) }, (_, level) => {
    const arena = new Arena(`gradients of ${2 ** level} batches`, 'state')
    const earlier = arena.add(arena.name, [gradients.length])
    const tape = new Tape()
    sumGradients(tape, { earlier, gradient: gradients.range('gradients') })
    return { arena, calls: tape.calls }
  })
}

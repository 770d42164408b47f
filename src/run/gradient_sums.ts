import { Arena } from '../graph/arena.ts'
import type { Call } from '../graph/kernel.ts'
import { Tape } from '../graph/tape.ts'
import type { ModelState } from '../nn/model_state.ts'
import { sumGradients } from '../optim/sum_gradients.ts'

/** Elements [start, end) of an arena. */
export interface Range {
  start: number
  end: number
}

/** The sum of the gradients of 2^level batches in a row, kept until as many behind them are summed. */
export interface GradientSum {
  /** in the layout of the gradients */
  arena: Arena
  /** add it to the gradients of the batches behind */
  calls: readonly Call[]
}

/** Adds a sum to the gradients of the batches behind it, in these ranges only. */
export function sumOver({ gradients }: ModelState, { arena }: GradientSum, ranges: readonly Range[]): readonly Call[] {
  const tape = new Tape()
  for (const { start, end } of ranges) {
    const earlier = arena.range(arena.name, start, end)
    sumGradients(tape, { earlier, gradient: gradients.range('gradients', start, end) })
  }
  return tape.calls
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

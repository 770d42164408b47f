import type { Tape } from '../graph/tape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { applyElementwise, elementwise } from './elementwise.ts'

const kernels = elementwise('relu')

/** max(0, x) of any shape. The gradient at 0 is 0. */
export function relu(tape: Tape, x: Tensor): Tensor {
  return applyElementwise(tape, kernels, x)
}

import type { Tape } from '../graph/tape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { applyElementwise, elementwise } from './elementwise.ts'

const kernels = elementwise('sigmoid')

/** 1 / (1 + e^−x) of any shape. */
export function sigmoid(tape: Tape, x: Tensor): Tensor {
  return applyElementwise(tape, kernels, x)
}

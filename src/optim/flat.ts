import type { Tensor } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'

/** Throws ContractError unless the flat tensor has at least `elements` elements, one or more. */
export function expectElements(operation: string, flat: Tensor, elements: number): void {
  if (!Number.isInteger(elements) || elements < 1)
    throw new ContractError(operation, 'elements', elements, 'a whole number of at least 1')
  if (sizeOf(flat.shape) < elements)
    throw new ContractError(operation, `${flat.name} shape`, flat.shape, `at least ${elements} elements`)
}

import type { Tensor } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'

/** Throws ContractError unless `elements` is at least 1 and the flat tensor has that many. */
export function expectElements(operation: string, flat: Tensor, elements: number): void {
  if (!Number.isInteger(elements) || elements < 1)
    throw new ContractError(operation, 'elements', elements, 'a positive integer')
  if (sizeOf(flat.shape) < elements)
    throw new ContractError(operation, `${flat.name} shape`, flat.shape, `at least ${elements} elements`)
}

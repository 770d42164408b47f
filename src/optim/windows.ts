import type { Tensor, Window } from '../graph/tensor.ts'
import { WINDOW_ALIGNMENT } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'

/** A run of the elements of flat tensors. */
export interface Range {
  offset: number
  length: number
}

/** Cuts the first `elements` of a flat tensor into runs that fit a binding of `maxBytes`, in order. */
export function flatRanges(elements: number, maxBytes: number): Range[] {
  const most = Math.floor(maxBytes / 4 / WINDOW_ALIGNMENT) * WINDOW_ALIGNMENT
  const ranges: Range[] = []
  for (let offset = 0; offset < elements; offset += most)
    ranges.push({ offset, length: Math.min(most, elements - offset) })
  return ranges
}

/** Those elements of a flat tensor. */
export function rangeOf(tensor: Tensor, { offset, length }: Range): Window {
  return { tensor, offset, length }
}

/** Throws ContractError unless the tensor has at least `elements` elements and there is at least one. */
export function expectElements(operation: string, tensor: Tensor, elements: number): void {
  if (!Number.isInteger(elements) || elements < 1)
    throw new ContractError(operation, 'elements', elements, 'a whole number of at least 1')
  if (sizeOf(tensor.shape) < elements)
    throw new ContractError(operation, `${tensor.name} shape`, tensor.shape, `at least ${elements} elements`)
}

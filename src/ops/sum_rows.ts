import type { Dispatch } from '../graph/kernel.ts'
import type { Tensor } from '../graph/tensor.ts'
import { workgroupEach } from './work.ts'

/** Second stage of a sum: sums (rows) = or += scale · the sum of each row of values (rows, length), in fixed order. */
export function sumRows(
  values: Tensor,
  sums: Tensor,
  {
    rows,
    length,
    scale = 1,
    accumulate = false,
  }: { rows: number; length: number; scale?: number; accumulate?: boolean },
): Dispatch {
  return {
    shader: 'reduce/rows',
    bindings: { values, sums },
    params: { rows, length, scale },
    constants: { ACCUMULATE: Number(accumulate) },
    workgroups: workgroupEach(rows),
  }
}

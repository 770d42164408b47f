import type { Operation } from '../bench/ops/operation.ts'

export type { OperationInput as CaseInput, Random } from '../bench/ops/operation.ts'

/** An operation under test. A row is a forward test against `reference`, a gradient check and a benchmark line at once. */
export interface Case<Row extends object = object> extends Operation<Row> {
  rows: readonly Row[]
  /** as `tolerance`, for gradients; 1e-4 unless given */
  gradientTolerance?: number
}

/** Types a case by its rows while it is written; the tests then treat all cases alike. */
export function defineCase<Row extends object>(test: Case<Row>): Case {
  return test as unknown as Case
}

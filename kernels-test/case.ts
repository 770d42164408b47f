import type { AdapterFacts } from '../src/graph/kernel.ts'
import type { Tape } from '../src/graph/tape.ts'
import type { Tensor, TensorKind } from '../src/graph/tensor.ts'
import type { Shape } from '../src/util/shape.ts'

/** Numbers for tests: seeded, different for every row, the same in every run. */
export interface Random {
  /** in [low, high) */
  uniform(low: number, high: number): number
  /** N(0, 1) */
  normal(): number
  /** whole, in [0, below) */
  integer(below: number): number
}

export interface CaseInput {
  shape: Shape
  data: Float32Array | Uint32Array
  kind?: Extract<TensorKind, 'parameter' | 'state' | 'input'>
  /** d(differentiated output)/d(this input) is checked against finite differences of the reference */
  gradient?: boolean
}

/** An operation under test: a row is a forward test against `reference`, a gradient check and a benchmark line at once. */
export interface Case<Row extends object = object> {
  /** e.g. 'conv3d' */
  operation: string
  rows: readonly Row[]
  inputs(row: Row, random: Random): Record<string, CaseInput>
  /** the inputs that may be stored as f16: its activations */
  activations?: readonly string[]
  /** Records the operation on `tape`; returns the tensors to compare, by name. */
  build(tape: Tape, inputs: Record<string, Tensor>, row: Row): Record<string, Tensor>
  /** The obvious loops in float64. Same keys as `build`. */
  reference(inputs: Record<string, Float64Array>, row: Row): Record<string, Float64Array>
  /** Name of the output that gradients are taken of; the first one of `build` unless given. */
  differentiates?: string
  /** largest error allowed, as a share of the largest magnitude of the output; 1e-5 unless given */
  tolerance?: number
  /** as `tolerance`, for gradients; 1e-4 unless given */
  gradientTolerance?: number
  /** instead of both, for variants that round their inputs, by name */
  tolerances?: Record<string, number>
  /** multiply-adds · 2 of the forward pass; 0 where memory is what counts */
  flops(row: Row): number
  /** bytes read and written by the forward pass */
  bytes(row: Row): number
  /** A lower binding limit (bytes) for this row, to test that the operation cuts its dispatches. */
  limit?(row: Row): number | undefined
  /** A reason why this row cannot run on this adapter; counted and printed. */
  skip?(row: Row, facts: AdapterFacts): string | undefined
}

/** Types a case by its rows while it is written; the tests then treat all cases alike. */
export function defineCase<Row extends object>(test: Case<Row>): Case {
  return test as unknown as Case
}

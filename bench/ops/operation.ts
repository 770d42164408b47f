import type { AdapterFacts } from '../../src/graph/kernel.ts'
import type { Tape } from '../../src/graph/tape.ts'
import type { Tensor, TensorKind } from '../../src/graph/tensor.ts'
import type { Shape } from '../../src/util/shape.ts'

/** Seeded numbers: different for every row, the same in every run. */
export interface Random {
  /** in [low, high) */
  uniform(low: number, high: number): number
  /** N(0, 1) */
  normal(): number
  /** whole, in [0, below) */
  integer(below: number): number
}

export interface OperationInput {
  shape: Shape
  data: Float32Array | Uint32Array
  kind?: Extract<TensorKind, 'parameter' | 'state' | 'input'>
  /** d(differentiated output)/d(this input) is checked against finite differences of the reference */
  gradient?: boolean
}

/** An operation to run in isolation. A row is a set of its parameters. */
export interface Operation<Row extends object = object> {
  /** e.g. 'conv3d' */
  operation: string
  inputs(row: Row, random: Random): Record<string, OperationInput>
  /** the inputs that are activations and may be f16 */
  activations?: readonly string[]
  /** Records the operation on `tape` and returns its outputs by name. */
  build(tape: Tape, inputs: Record<string, Tensor>, row: Row): Record<string, Tensor>
  /** Plain float64 loops. Same keys as `build`. */
  reference(inputs: Record<string, Float64Array>, row: Row): Record<string, Float64Array>
  /** Name of the output to differentiate; the first output of `build` by default. */
  differentiates?: string
  /** largest allowed error relative to the largest magnitude of the output; 1e-5 by default */
  tolerance?: number
  /** overrides it, also for gradients, for variants (by name) that round their inputs */
  tolerances?: Record<string, number>
  /** 2 · multiply-adds of the forward pass; 0 for memory-bound operations */
  flops(row: Row): number
  /** bytes read and written by the forward pass */
  bytes(row: Row): number
  /** A lower binding limit (bytes) for this row, to test that the operation cuts its dispatches. */
  limit?(row: Row): number | undefined
  /** A reason why this row cannot run on this adapter; counted and printed. */
  skip?(row: Row, facts: AdapterFacts): string | undefined
}

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

/** An operation to be run alone. A row is a set of its parameters. */
export interface Operation<Row extends object = object> {
  /** e.g. 'conv3d' */
  operation: string
  inputs(row: Row, random: Random): Record<string, OperationInput>
  /** the inputs that may be stored as f16: its activations */
  activations?: readonly string[]
  /** Records the operation on `tape`; returns its results by name. */
  build(tape: Tape, inputs: Record<string, Tensor>, row: Row): Record<string, Tensor>
  /** The obvious loops in float64. Same keys as `build`. */
  reference(inputs: Record<string, Float64Array>, row: Row): Record<string, Float64Array>
  /** Name of the output that gradients are taken of; the first one of `build` unless given. */
  differentiates?: string
  /** largest error allowed, as a share of the largest magnitude of the output; 1e-5 unless given */
  tolerance?: number
  /** instead of it, for variants that round their inputs, by name; for gradients too */
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

import type { Tape } from '../../src/graph/tape.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { relu, sigmoid } from '../../src/ops/elementwise.ts'
import { type Shape, sizeOf } from '../../src/util/shape.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  shape: Shape
  /** standard deviation of the input; 1 by default */
  deviation?: number
  /** binding limit in bytes */
  limit?: number
}

const MIB = 2 ** 20

/** Finite differences must not straddle the ReLU's kink. */
function offKink(x: number): number {
  return Math.abs(x) < 1e-4 ? 1e-4 : x
}

function elementwiseCase(
  operation: string,
  record: (tape: Tape, x: Tensor) => Tensor,
  of: (x: number) => number,
  rows: readonly Row[],
) {
  return defineCase<Row>({
    operation,
    rows,
    inputs: ({ shape, deviation }, random) => ({
      x: { shape, data: normals(random, sizeOf(shape), 0, deviation).map(offKink), gradient: true },
    }),
    activations: ['x'],
    build: (tape, { x }) => ({ y: record(tape, x!) }),
    reference: ({ x }) => ({ y: x!.map(of) }),
    flops: () => 0,
    bytes: ({ shape }) => sizeOf(shape) * 8,
    limit: ({ limit }) => limit,
  })
}

const rows: readonly Row[] = [
  { shape: [1] },
  { shape: [2, 64] },
  { shape: [2, 3, 3, 5, 7] },
  { shape: [1, 17, 4, 4, 5] },
  { shape: [3, 100_003], limit: MIB },
]

export default [
  elementwiseCase('relu', relu, x => Math.max(0, x), rows),
  elementwiseCase('sigmoid', sigmoid, x => 1 / (1 + Math.exp(-x)), [...rows, { shape: [5, 33], deviation: 30 }]),
]

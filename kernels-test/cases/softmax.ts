import { softmax } from '../../src/ops/softmax.ts'
import { type Shape, sizeOf } from '../../src/util/shape.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  shape: Shape
  /** standard deviation of the input; 1 unless given */
  deviation?: number
  /** bytes */
  limit?: number
}

export default defineCase<Row>({
  operation: 'softmax',
  rows: [
    { shape: [1] },
    { shape: [3, 2] },
    { shape: [2, 13, 2] },
    { shape: [5, 17], deviation: 40 },
    { shape: [7, 1] },
    { shape: [30_000, 3], limit: 2 ** 17 },
  ],
  inputs: ({ shape, deviation }, random) => ({
    x: { shape, data: normals(random, sizeOf(shape), 0, deviation), gradient: true },
  }),
  build: (tape, { x }) => ({ y: softmax(tape, x!) }),
  reference: ({ x }, { shape }) => {
    const length = shape.at(-1)!
    const y = new Float64Array(x!.length)
    for (let first = 0; first < y.length; first += length) {
      const row = x!.slice(first, first + length)
      const largest = Math.max(...row)
      const exponentials = row.map(value => Math.exp(value - largest))
      const sum = exponentials.reduce((total, e) => total + e, 0)
      y.set(
        exponentials.map(e => e / sum),
        first,
      )
    }
    return { y }
  },
  flops: () => 0,
  bytes: ({ shape }) => sizeOf(shape) * 8,
  limit: ({ limit }) => limit,
})

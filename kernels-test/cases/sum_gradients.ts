import { sumGradients } from '../../src/optim/sum_gradients.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  size: number
  /** binding limit in bytes */
  limit?: number
}

export default defineCase<Row>({
  operation: 'sum_gradients',
  rows: [{ size: 1 }, { size: 1000 }, { size: 2999, limit: 2 ** 12 }],
  inputs: ({ size }, random) => ({
    earlier: { shape: [size], data: normals(random, size), kind: 'state' },
    gradient: { shape: [size], data: normals(random, size), kind: 'state' },
  }),
  build: (tape, { earlier, gradient }) => {
    sumGradients(tape, { earlier: earlier!, gradient: gradient! })
    return { gradient: gradient! }
  },
  reference: ({ earlier, gradient }) => ({ gradient: gradient!.map((g, i) => earlier![i]! + g) }),
  tolerance: 1e-7,
  limit: row => row.limit,
  flops: ({ size }) => size,
  bytes: ({ size }) => size * 4 * 3,
})

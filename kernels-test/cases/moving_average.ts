import { movingAverage } from '../../src/optim/moving_average.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  size: number
  /** updates done, with the one before the average */
  step: number
  decay: number
  /** whether the gradient norm is finite */
  finite?: boolean
  /** binding limit in bytes */
  limit?: number
}

export default defineCase<Row>({
  operation: 'moving_average',
  rows: [
    { size: 1, step: 1, decay: 0.99 },
    { size: 1000, step: 1, decay: 0.1 },
    { size: 1000, step: 40, decay: 0.99 },
    { size: 1000, step: 1000, decay: 0.99 },
    { size: 1000, step: 3_000_000, decay: 0.9999 },
    { size: 1000, step: 7, decay: 0.99, finite: false },
    { size: 2999, step: 40, decay: 0.999, limit: 2 ** 12 },
  ],
  inputs: ({ size, step, finite = true }, random) => ({
    average: { shape: [size], data: normals(random, size), kind: 'state' },
    value: { shape: [size], data: normals(random, size), kind: 'state' },
    counts: { shape: [2], data: Uint32Array.of(step, 5), kind: 'state' },
    clip: { shape: [3], data: Float32Array.of(8, 0.25, Number(finite)) },
  }),
  build: (tape, { average, value, counts, clip }, { decay }) => {
    movingAverage(tape, { average: average!, value: value!, counts: counts!, clip: clip! }, decay)
    return { average: average!, counts: counts! }
  },
  reference: ({ average, value, counts }, { step, decay, finite = true }) => {
    const kept = finite ? Math.min(decay, (1 + step) / (10 + step)) : 1
    return { average: average!.map((a, i) => kept * a + (1 - kept) * value![i]!), counts: counts! }
  },
  tolerance: 1e-6,
  limit: row => row.limit,
  flops: () => 0,
  bytes: ({ size }) => size * 4 * 3,
})

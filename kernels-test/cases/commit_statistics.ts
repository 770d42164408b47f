import { commitStatistics } from '../../src/ops/sadaan/commit_statistics.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  size: number
  /** the step's loss */
  loss: string
  /** second element of the batch */
  second?: string
}

export default defineCase<Row>({
  operation: 'commit_statistics',
  rows: [
    { size: 1, loss: '2' },
    { size: 1000, loss: '0' },
    { size: 1000, loss: '1e30', second: 'NaN' },
    { size: 1000, loss: '1', second: '-Infinity' },
    { size: 1000, loss: 'NaN' },
    { size: 1000, loss: 'Infinity' },
  ],
  inputs: ({ size, loss, second }, random) => {
    const batch = normals(random, size, 1)
    if (second) batch[1] = Number(second)
    return {
      running: { shape: [size], data: normals(random, size), kind: 'state' },
      batch: { shape: [size], data: batch, kind: 'state' },
      batches: { shape: [1], data: Uint32Array.of(41), kind: 'state' },
      total: { shape: [1], data: Float32Array.of(Number(loss)) },
    }
  },
  build: (tape, { running, batch, batches, total }) => {
    commitStatistics(tape, { running: running!, batch: batch!, batches: batches!, total: total! })
    return { running: running!, batches: batches! }
  },
  reference: ({ running, batch, batches }, { loss }) => {
    const usable = Number.isFinite(Number(loss))
    const moved = running!.map((r, i) => (usable && Number.isFinite(batch![i]) ? 0.9 * r + 0.1 * batch![i]! : r))
    return { running: moved, batches: batches!.map(count => count + Number(usable)) }
  },
  tolerance: 1e-6,
  flops: () => 0,
  bytes: ({ size }) => size * 4 * 3,
})

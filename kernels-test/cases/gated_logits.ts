import { gatedLogits } from '../../src/ops/sadaan/gated_logits.ts'
import { sizeOf } from '../../src/util/shape.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  samples: number
  structures: number
  size: readonly [number, number, number]
  /** binding limit in bytes */
  limit?: number
}

const shapeOf = ({ samples, structures, size }: Row) => [samples, structures, ...size]

export default defineCase<Row>({
  operation: 'gated_logits',
  rows: [
    { samples: 1, structures: 1, size: [3, 5, 7] },
    { samples: 2, structures: 13, size: [8, 8, 8] },
    { samples: 3, structures: 3, size: [16, 16, 16] },
    { samples: 3, structures: 5, size: [16, 16, 16], limit: 2 ** 17 }, // one sample per dispatch
    { samples: 2, structures: 5, size: [16, 16, 16], limit: 2 ** 15 }, // two structures per dispatch
  ],
  inputs: (row, random) => {
    const shape = shapeOf(row)
    const attention = Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(0, 1))
    return {
      attention: { shape, data: attention, gradient: true },
      response: { shape, data: normals(random, sizeOf(shape), 0, 3), gradient: true },
      bias: { shape: [row.structures], data: normals(random, row.structures), kind: 'parameter', gradient: true },
    }
  },
  activations: ['response'],
  build: (tape, { attention, response, bias }) => ({ logits: gatedLogits(tape, attention!, response!, bias!) }),
  reference: ({ attention, response, bias }, { structures, size }) => ({
    logits: attention!.map((a, i) => a * response![i]! + bias![Math.floor(i / sizeOf(size)) % structures]!),
  }),
  limit: row => row.limit,
  flops: () => 0,
  bytes: row => sizeOf(shapeOf(row)) * 4 * 3,
})

import { maskBits } from '../../src/ops/sadaan/mask_bits.ts'
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
  operation: 'mask_bits',
  rows: [
    { samples: 1, structures: 1, size: [2, 4, 4] },
    { samples: 2, structures: 13, size: [8, 8, 8] },
    { samples: 3, structures: 5, size: [16, 16, 16], limit: 2 ** 17 }, // one sample per dispatch
    { samples: 2, structures: 5, size: [16, 16, 16], limit: 2 ** 15 }, // two structures per dispatch
  ],
  // Rounding produces zeros, which are not in the mask.
  inputs: (row, random) => ({
    logits: { shape: shapeOf(row), data: normals(random, sizeOf(shapeOf(row))).map(z => Math.round(4 * z) / 4) },
  }),
  build: (tape, { logits }) => ({ bits: maskBits(tape, logits!) }),
  reference: ({ logits }) => ({
    bits: Float64Array.from({ length: logits!.length / 32 }, (_, word) =>
      logits!.subarray(32 * word, 32 * word + 32).reduce((sum, z, j) => sum + Number(z > 0) * 2 ** j, 0),
    ),
  }),
  tolerance: 0,
  flops: () => 0,
  bytes: row => sizeOf(shapeOf(row)) * (4 + 1 / 8),
})

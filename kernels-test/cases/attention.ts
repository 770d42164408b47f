import { alignment, attentionMaps } from '../../src/ops/sadaan/attention.ts'
import { sizeOf } from '../../src/util/shape.ts'
import { defineCase } from '../case.ts'
import { sigmoid } from '../elementary.ts'
import { normals } from '../numbers.ts'

interface Row {
  samples: number
  structures: number
  size: readonly [number, number, number]
  /** standard deviation of the logits */
  spread: number
  /** bytes of a binding */
  limit?: number
}

const rows: readonly Row[] = [
  { samples: 1, structures: 1, size: [3, 5, 7], spread: 1 },
  { samples: 2, structures: 3, size: [8, 8, 16], spread: 40 },
  { samples: 3, structures: 13, size: [8, 8, 8], spread: 2 },
  { samples: 3, structures: 5, size: [16, 16, 16], spread: 2, limit: 2 ** 17 }, // one sample a dispatch
  { samples: 2, structures: 5, size: [16, 16, 16], spread: 2, limit: 2 ** 15 }, // two structures a dispatch
]

const shapeOf = ({ samples, structures, size }: Row) => [samples, structures, ...size]

const maps = defineCase<Row>({
  operation: 'attention_maps',
  rows,
  inputs: (row, random) => ({
    logits: { shape: shapeOf(row), data: normals(random, sizeOf(shapeOf(row)), 0, row.spread), gradient: true },
    priors: {
      shape: shapeOf(row).slice(1),
      data: normals(random, sizeOf(shapeOf(row).slice(1)), 0, row.spread),
      kind: 'parameter',
      gradient: true,
    },
  }),
  activations: ['logits'],
  build: (tape, { logits, priors }) => ({ attention: attentionMaps(tape, logits!, priors!) }),
  reference: ({ logits, priors }) => ({
    attention: logits!.map((a, i) => sigmoid(a) * sigmoid(priors![i % priors!.length]!)),
  }),
  limit: row => row.limit,
  flops: () => 0,
  bytes: row => sizeOf(shapeOf(row)) * 4 * 2 + sizeOf(shapeOf(row).slice(1)) * 4,
})

const score = defineCase<Row>({
  operation: 'alignment',
  rows,
  inputs: (row, random) => ({
    attention: {
      shape: shapeOf(row),
      data: Float32Array.from({ length: sizeOf(shapeOf(row)) }, () => random.uniform(0, 1)),
      gradient: true,
    },
    response: { shape: shapeOf(row), data: normals(random, sizeOf(shapeOf(row)), 0, row.spread), gradient: true },
  }),
  activations: ['response'],
  build: (tape, { attention, response }) => ({ alignment: alignment(tape, attention!, response!) }),
  reference: ({ attention, response }, { samples, structures, size }) => {
    const mean = new Float64Array(samples * structures)
    attention!.forEach((a, i) => {
      mean[Math.floor(i / sizeOf(size))]! += (a * sigmoid(response![i]!)) / sizeOf(size)
    })
    return { alignment: mean }
  },
  limit: row => row.limit,
  flops: () => 0,
  bytes: row => sizeOf(shapeOf(row)) * 4 * 2,
})

export default [maps, score]

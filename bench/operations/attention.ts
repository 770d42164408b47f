import { alignment, attentionMaps } from '../../src/ops/sadaan/attention.ts'
import { sizeOf } from '../../src/util/shape.ts'
import { normals } from '../ops/numbers.ts'
import type { Operation } from '../ops/operation.ts'
import { sigmoid } from './elementary.ts'

export interface AttentionRow {
  samples: number
  structures: number
  size: readonly [number, number, number]
  /** standard deviation of the logits */
  spread: number
  /** binding limit in bytes */
  limit?: number
}

const shapeOf = ({ samples, structures, size }: AttentionRow) => [samples, structures, ...size]

export const attentionMapsOperation: Operation<AttentionRow> = {
  operation: 'attention_maps',
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
}

export const alignmentOperation: Operation<AttentionRow> = {
  operation: 'alignment',
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
}

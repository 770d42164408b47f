import type { Tape } from '../../src/graph/tape.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { batchNorm } from '../../src/ops/batch_norm.ts'
import { convTranspose3d } from '../../src/ops/conv_transpose3d.ts'
import { conv3d } from '../../src/ops/conv3d/conv3d.ts'
import { globalMean } from '../../src/ops/global_mean.ts'
import { maxPool3d } from '../../src/ops/max_pool3d.ts'
import { type Shape, sizeOf } from '../../src/util/shape.ts'
import { type CaseInput, defineCase, type Random } from '../case.ts'
import { normals } from '../numbers.ts'
import batchNorms from './batch_norm.ts'
import transposed from './conv_transpose3d.ts'
import convolution from './conv3d.ts'
import means from './global_mean.ts'
import pooling from './max_pool3d.ts'

/** A batch norm with ReLU, and a reader that can normalise on load. */
export interface Row {
  reader: 'conv3d' | 'conv_transpose3d' | 'max_pool3d' | 'global_mean'
  shape: readonly [samples: number, channels: number, height: number, width: number, depth: number]
  outputs?: number
  size?: 1 | 3
  stride?: 2
  /** channels of a plain input of the convolution, before or after the normalised one */
  before?: number
  after?: number
  /** running statistics */
  evaluation?: true
  /** binding limit in bytes */
  limit?: number
}

const convolves = ({ reader }: Row): boolean => reader === 'conv3d'

function weightShape({ reader, shape: [, channels], outputs = 1, size = 3, before = 0, after = 0 }: Row): Shape {
  return reader === 'conv3d' ? [outputs, before + channels + after, size, size, size] : [channels, outputs, 2, 2, 2]
}

function inputs(row: Row, random: Random): Record<string, CaseInput> {
  const input = (shape: Shape, mean = 0) => ({ shape, data: normals(random, sizeOf(shape), mean), gradient: true })
  const [samples, channels, ...volume] = row.shape
  const state = { shape: [channels], data: new Float32Array(channels).fill(0.5), kind: 'state' as const }
  const plain = row.before ?? row.after
  const weighted = row.outputs !== undefined
  return {
    x: input(row.shape, 0.5),
    normWeight: input([channels], 1),
    normBias: input([channels]),
    mean: state,
    variance: state,
    ...(plain ? { plain: input([samples, plain, ...volume]) } : {}),
    ...(weighted ? { weight: input(weightShape(row)), bias: input([row.outputs!]) } : {}),
  }
}

/** The normalised tensor, and its reader's output. */
export function record(tape: Tape, t: Record<string, Tensor>, row: Row): { normalised: Tensor; y: Tensor } {
  const { mean, variance } = t as { mean: Tensor; variance: Tensor }
  const parameters = { weight: t.normWeight!, bias: t.normBias!, runningMean: mean, runningVar: variance }
  const mode = row.evaluation
    ? { training: false as const }
    : { training: true as const, statistics: { mean, variance } }
  const normalised = batchNorm(tape, t.x!, parameters, mode, { relu: true })
  return { normalised, y: read(tape, normalised, t, row) }
}

function read(tape: Tape, normalised: Tensor, { plain, weight, bias }: Record<string, Tensor>, row: Row): Tensor {
  if (row.reader === 'max_pool3d') return maxPool3d(tape, normalised)
  if (row.reader === 'global_mean') return globalMean(tape, normalised)
  if (row.reader === 'conv_transpose3d') return convTranspose3d(tape, normalised, weight!, bias!)
  const [first, second] = row.before ? [plain!, normalised] : [normalised, plain]
  return conv3d(tape, first, weight!, bias!, {
    ...(second ? { with: second } : {}),
    ...(row.stride ? { stride: row.stride } : {}),
  })
}

function reference(given: Record<string, Float64Array>, row: Row): Record<string, Float64Array> {
  const { x, normWeight, normBias, mean, variance, plain, weight, bias } = given as Record<string, Float64Array>
  const norm = { x: x!, weight: normWeight!, bias: normBias!, runningMean: mean!, runningVar: variance! }
  const normRow = { shape: row.shape, training: !row.evaluation, relu: true }
  const { y: normalised } = batchNorms[0]!.reference(norm, normRow) as { y: Float64Array }
  const [samples, channels, ...volume] = row.shape
  const { outputs, size = 3, stride } = row
  if (row.reader === 'max_pool3d') return pooling.reference({ x: normalised }, { shape: row.shape })
  if (row.reader === 'global_mean') return means.reference({ x: normalised }, { shape: row.shape })
  const parameters = { weight: weight!, bias: bias! }
  if (row.reader === 'conv_transpose3d')
    return transposed.reference({ x: normalised, ...parameters }, { samples, inputs: channels, outputs, volume })
  const sources = row.before
    ? { x: plain!, second: normalised }
    : { x: normalised, ...(plain ? { second: plain } : {}) }
  const counts = row.before ? [row.before, channels] : [channels, ...(row.after ? [row.after] : [])]
  return convolution.reference(
    { ...sources, ...parameters },
    { samples, channels: counts, outputs, size, stride, volume },
  )
}

export default defineCase<Row>({
  operation: 'normalised_source',
  rows: [
    { reader: 'conv3d', shape: [2, 3, 5, 6, 7], outputs: 5 },
    { reader: 'conv3d', shape: [2, 3, 5, 6, 7], outputs: 5, evaluation: true },
    { reader: 'conv3d', shape: [1, 4, 3, 6, 5], outputs: 6, before: 3 },
    { reader: 'conv3d', shape: [1, 4, 3, 6, 5], outputs: 6, after: 1 },
    { reader: 'conv3d', shape: [2, 16, 3, 7, 8], outputs: 16 },
    { reader: 'conv3d', shape: [1, 16, 1, 16, 16], outputs: 49, after: 2 },
    { reader: 'conv3d', shape: [2, 20, 4, 3, 6], outputs: 13, size: 1 },
    { reader: 'conv3d', shape: [2, 5, 5, 6, 7], outputs: 6, stride: 2, before: 3 },
    { reader: 'conv_transpose3d', shape: [2, 7, 2, 3, 4], outputs: 5 },
    { reader: 'max_pool3d', shape: [2, 5, 4, 6, 2] },
    { reader: 'global_mean', shape: [2, 5, 3, 5, 7] },
    // Binding limits with which a dispatch starts at a later channel.
    { reader: 'conv3d', shape: [1, 10, 4, 4, 4], outputs: 9, after: 3, limit: 2 ** 12 },
    { reader: 'conv3d', shape: [1, 20, 4, 4, 16], outputs: 30, size: 1, before: 3, limit: 2 ** 14 },
    { reader: 'conv3d', shape: [1, 13, 4, 4, 8], outputs: 9, stride: 2, limit: 2 ** 13 },
    { reader: 'conv_transpose3d', shape: [2, 9, 4, 4, 4], outputs: 7, limit: 2 ** 13 },
    { reader: 'max_pool3d', shape: [1, 5, 16, 16, 16], limit: 2 ** 15 },
    { reader: 'global_mean', shape: [2, 5, 8, 8, 8], limit: 2 ** 12 },
  ],
  inputs,
  activations: ['x', 'plain'],
  // 2^-10 for the convolution; the norm's gradients are differences of its sums.
  tolerances: { matrix: 2 ** -9 },
  build: (tape, t, row) => ({ y: record(tape, t, row).y }),
  reference,
  flops: row => (convolves(row) ? 2 * sizeOf(weightShape(row)) * row.shape[0] * sizeOf(row.shape.slice(2)) : 0),
  // The normalised tensor is neither written nor read.
  bytes: ({ shape }) => 2 * 4 * sizeOf(shape),
  limit: ({ limit }) => limit,
})

import { batchNorm } from '../../src/ops/batch_norm.ts'
import { sigmoid } from '../../src/ops/elementwise.ts'
import { type Shape, sizeOf, volumeOf } from '../../src/util/shape.ts'
import { normals } from '../ops/numbers.ts'
import type { Operation } from '../ops/operation.ts'

export interface BatchNormRow {
  shape: Shape // (N, C, H, W, D)
  training: boolean
  relu: boolean
  /** between two sigmoids: its input gradient then reuses the memory of its output gradient */
  between?: true
  /** mean of the input; the deviation is 1 */
  mean?: number
  /** binding limit in bytes */
  limit?: number
}

const EPSILON = 1e-5

const logistic = (value: number): number => 1 / (1 + Math.exp(-value))

/** Mean and biased variance of channel c. */
function moments(x: Float64Array, { shape }: BatchNormRow, c: number): { mean: number; variance: number } {
  const { samples, channels, voxels } = volumeOf(shape, 'reference')
  let mean = 0
  for (let n = 0; n < samples; n++)
    for (let v = 0; v < voxels; v++) mean += x[(n * channels + c) * voxels + v]! / (samples * voxels)
  let variance = 0
  for (let n = 0; n < samples; n++)
    for (let v = 0; v < voxels; v++) variance += (x[(n * channels + c) * voxels + v]! - mean) ** 2 / (samples * voxels)
  return { mean, variance }
}

function reference(inputs: Record<string, Float64Array>, row: BatchNormRow): Record<string, Float64Array> {
  const { samples, channels, voxels } = volumeOf(row.shape, 'reference')
  const x = row.between ? inputs.x!.map(logistic) : inputs.x!
  const { weight, bias, runningMean, runningVar } = inputs as Record<string, Float64Array>
  const count = samples * voxels
  const y = new Float64Array(x.length)
  const batch = Array.from({ length: channels }, (_, c) => moments(x, row, c))
  for (let c = 0; c < channels; c++) {
    const { mean, variance } = row.training ? batch[c]! : { mean: runningMean![c]!, variance: runningVar![c]! }
    const scale = weight![c]! / Math.sqrt(variance + EPSILON)
    for (let n = 0; n < samples; n++)
      for (let v = 0; v < voxels; v++) {
        const i = (n * channels + c) * voxels + v
        const value = (x[i]! - mean) * scale + bias![c]!
        y[i] = row.relu ? Math.max(0, value) : value
        if (row.between) y[i] = logistic(y[i]!)
      }
  }
  if (!row.training) return { y }
  const mean = Float64Array.from(batch, each => each.mean)
  const variance = Float64Array.from(batch, each => (each.variance * count) / (count - 1))
  return { y, mean, variance }
}

export const batchNormOperation: Operation<BatchNormRow> = {
  operation: 'batch_norm',
  inputs: ({ shape, mean = 0.5 }, random) => {
    const channels = [shape[1]!]
    const perChannel = (low: number, high: number) =>
      Float32Array.from({ length: shape[1]! }, () => random.uniform(low, high))
    return {
      x: { shape, data: normals(random, sizeOf(shape), mean), gradient: true },
      weight: { shape: channels, data: perChannel(0.5, 1.5), kind: 'parameter', gradient: true },
      bias: { shape: channels, data: perChannel(-0.5, 0.5), kind: 'parameter', gradient: true },
      runningMean: { shape: channels, data: perChannel(mean - 0.5, mean + 0.5), kind: 'state' },
      runningVar: { shape: channels, data: perChannel(0.5, 2), kind: 'state' },
      mean: { shape: channels, data: perChannel(0, 1), kind: 'state' },
      variance: { shape: channels, data: perChannel(0, 1), kind: 'state' },
    }
  },
  activations: ['x'],
  build: (tape, t, { training, between, relu }) => {
    const parameters = { weight: t.weight!, bias: t.bias!, runningMean: t.runningMean!, runningVar: t.runningVar! }
    const statistics = { mean: t.mean!, variance: t.variance! }
    const mode = training ? { training, statistics } : { training }
    const y = between
      ? sigmoid(tape, batchNorm(tape, sigmoid(tape, t.x!), parameters, mode, { relu }))
      : batchNorm(tape, t.x!, parameters, mode, { relu })
    return training ? { y, ...statistics } : { y }
  },
  reference,
  flops: () => 0,
  // Training reads x twice.
  bytes: ({ shape, training }) => sizeOf(shape) * 4 * (training ? 3 : 2),
  limit: ({ limit }) => limit,
}

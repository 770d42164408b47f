import type { TorchTensor } from '../../src/checkpoint/pickle/torch_tensor.ts'
import { type SadaanShape, specify } from '../../src/nn/specification.ts'
import { normals, randomOf } from '../numbers.ts'

/** A SADAAN with random parameters and statistics, none of which is left at a value that would hide it. */
export function randomModel(shape: SadaanShape, name: string): Map<string, TorchTensor> {
  const random = randomOf(name)
  return new Map(
    specify(shape).map((entry): [string, TorchTensor] => {
      const count = entry.shape.reduce((product, axis) => product * axis, 1)
      const uniform = (low: number, high: number): TorchTensor => ({
        dtype: 'f32',
        shape: entry.shape,
        data: Float32Array.from({ length: count }, () => random.uniform(low, high)),
      })
      if (entry.role === 'num_batches_tracked')
        return [entry.name, { dtype: 'i64', shape: [], data: BigInt64Array.of(7n) }]
      if (entry.role === 'running_var') return [entry.name, uniform(0.5, 2)]
      if (entry.role === 'running_mean' || 'constant' in entry.initial) return [entry.name, uniform(-0.5, 1.5)]
      if ('uniform' in entry.initial)
        return [entry.name, uniform(-2 * entry.initial.uniform, 2 * entry.initial.uniform)]
      return [entry.name, { dtype: 'f32', shape: entry.shape, data: normals(random, count) }]
    }),
  )
}

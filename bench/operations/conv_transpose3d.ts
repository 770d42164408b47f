import { convTranspose3d } from '../../src/ops/conv_transpose3d.ts'
import { type Shape, sizeOf } from '../../src/util/shape.ts'
import { normals } from '../ops/numbers.ts'
import type { Operation } from '../ops/operation.ts'

export interface ConvTranspose3dRow {
  samples: number
  inputs: number
  outputs: number
  volume: readonly [number, number, number]
  /** binding limit in bytes */
  limit?: number
}

function reference(x: Float64Array, weight: Float64Array, bias: Float64Array, row: ConvTranspose3dRow): Float64Array {
  const { samples, inputs, outputs, volume } = row
  const [height, width, depth] = volume
  const voxels = sizeOf(volume)
  const y = new Float64Array(samples * outputs * voxels * 8)
  let index = 0
  for (let n = 0; n < samples; n++)
    for (let o = 0; o < outputs; o++)
      for (let h = 0; h < 2 * height; h++)
        for (let w = 0; w < 2 * width; w++)
          for (let d = 0; d < 2 * depth; d++) {
            const voxel = ((h >> 1) * width + (w >> 1)) * depth + (d >> 1)
            const tap = (h & 1) * 4 + (w & 1) * 2 + (d & 1)
            let sum = bias[o]!
            for (let i = 0; i < inputs; i++)
              sum += x[(n * inputs + i) * voxels + voxel]! * weight[(i * outputs + o) * 8 + tap]!
            y[index++] = sum
          }
  return y
}

export const convTranspose3dOperation: Operation<ConvTranspose3dRow> = {
  operation: 'conv_transpose3d',
  inputs: ({ samples, inputs, outputs, volume }, random) => {
    const input = (...shape: Shape) => ({ shape, data: normals(random, sizeOf(shape)), gradient: true })
    return { x: input(samples, inputs, ...volume), weight: input(inputs, outputs, 2, 2, 2), bias: input(outputs) }
  },
  activations: ['x'],
  build: (tape, { x, weight, bias }) => ({ y: convTranspose3d(tape, x!, weight!, bias!) }),
  reference: ({ x, weight, bias }, row) => ({ y: reference(x!, weight!, bias!, row) }),
  flops: ({ samples, inputs, outputs, volume }) => 16 * samples * inputs * outputs * sizeOf(volume),
  bytes: ({ samples, inputs, outputs, volume }) =>
    4 * (samples * (inputs + 8 * outputs) * sizeOf(volume) + outputs * (8 * inputs + 1)),
  limit: ({ limit }) => limit,
}

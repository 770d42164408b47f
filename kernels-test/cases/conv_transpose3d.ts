import { convTranspose3d } from '../../src/ops/conv_transpose3d.ts'
import { type Shape, sizeOf } from '../../src/util/shape.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  samples: number
  inputs: number
  outputs: number
  volume: readonly [number, number, number]
  /** bytes */
  limit?: number
}

function reference(x: Float64Array, weight: Float64Array, bias: Float64Array, row: Row): Float64Array {
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

export default defineCase<Row>({
  operation: 'conv_transpose3d',
  rows: [
    { samples: 1, inputs: 1, outputs: 1, volume: [1, 1, 1] },
    { samples: 2, inputs: 3, outputs: 5, volume: [3, 4, 5] },
    { samples: 1, inputs: 32, outputs: 16, volume: [4, 4, 4] },
    { samples: 2, inputs: 17, outputs: 6, volume: [2, 3, 4] },
    { samples: 2, inputs: 64, outputs: 32, volume: [4, 4, 2] },
    { samples: 3, inputs: 2, outputs: 2, volume: [3, 4, 5], limit: 2 ** 13 },
    { samples: 2, inputs: 9, outputs: 7, volume: [4, 3, 5], limit: 2 ** 13 },
    { samples: 1, inputs: 90, outputs: 50, volume: [2, 3, 2], limit: 2 ** 13 },
  ],
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
})

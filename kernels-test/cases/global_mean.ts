import { globalMean } from '../../src/ops/global_mean.ts'
import { type Shape, sizeOf, volumeOf } from '../../src/util/shape.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  shape: Shape // (N, C, H, W, D)
  /** of the input */
  mean?: number
  /** binding limit in bytes */
  limit?: number
}

const MIB = 2 ** 20

export default defineCase<Row>({
  operation: 'global_mean',
  rows: [
    { shape: [1, 1, 1, 1, 1] },
    { shape: [2, 3, 3, 5, 7] },
    { shape: [2, 17, 2, 2, 1] },
    { shape: [1, 5, 9, 11, 13], mean: 1000 },
    { shape: [2, 1, 16, 16, 33] },
    { shape: [3, 2, 32, 32, 64], limit: MIB },
    { shape: [1, 5, 32, 32, 64], limit: MIB },
  ],
  inputs: ({ shape, mean = 1 }, random) => ({
    x: { shape, data: normals(random, sizeOf(shape), mean), gradient: true },
  }),
  activations: ['x'],
  build: (tape, { x }) => ({ y: globalMean(tape, x!) }),
  reference: ({ x }, { shape }) => {
    const { samples, channels, voxels } = volumeOf(shape, 'reference')
    const y = new Float64Array(samples * channels)
    x!.forEach((value, i) => {
      y[Math.floor(i / voxels)]! += value / voxels
    })
    return { y }
  },
  flops: () => 0,
  bytes: ({ shape }) => sizeOf(shape) * 4,
  limit: ({ limit }) => limit,
})

import { maxPool3d } from '../../src/ops/max_pool3d.ts'
import { type Shape, sizeOf, volumeOf } from '../../src/util/shape.ts'
import { normals } from '../ops/numbers.ts'
import type { Operation } from '../ops/operation.ts'

export interface MaxPool3dRow {
  shape: Shape // (N, C, H, W, D)
  /** binding limit in bytes */
  limit?: number
}

function reference(x: Float64Array, shape: Shape): Float64Array {
  const { samples, channels, height, width, depth } = volumeOf(shape, 'reference')
  const y = new Float64Array(x.length / 8).fill(Number.NEGATIVE_INFINITY)
  let i = 0
  for (let plane = 0; plane < samples * channels; plane++)
    for (let h = 0; h < height; h++)
      for (let w = 0; w < width; w++)
        for (let d = 0; d < depth; d++) {
          const row = (plane * (height / 2) + (h >> 1)) * (width / 2) + (w >> 1)
          const o = row * (depth / 2) + (d >> 1)
          y[o] = Math.max(y[o]!, x[i++]!)
        }
  return y
}

export const maxPool3dOperation: Operation<MaxPool3dRow> = {
  operation: 'max_pool3d',
  inputs: ({ shape }, random) => ({ x: { shape, data: normals(random, sizeOf(shape)), gradient: true } }),
  activations: ['x'],
  build: (tape, { x }) => ({ y: maxPool3d(tape, x!) }),
  reference: ({ x }, { shape }) => ({ y: reference(x!, shape) }),
  tolerance: 0,
  flops: () => 0,
  // The outputs, values and indices, are each an eighth of the input.
  bytes: ({ shape }) => sizeOf(shape) * 4 * 1.25,
  limit: ({ limit }) => limit,
}

import { conv3d } from '../../src/ops/conv3d/conv3d.ts'
import { type Shape, sizeOf } from '../../src/util/shape.ts'
import { normals } from '../ops/numbers.ts'
import type { Operation } from '../ops/operation.ts'

export interface Conv3dRow {
  samples: number
  /** channels of x and of the second input, if any */
  channels: readonly [number] | readonly [number, number]
  outputs: number
  size: 1 | 3
  stride?: 2
  volume: readonly [number, number, number]
  /** binding limit in bytes */
  limit?: number
}

const inputsOf = ({ channels: [first, second] }: Conv3dRow): number => first + (second ?? 0)
const outputAxes = ({ volume, stride }: Conv3dRow): number[] => volume.map(axis => Math.ceil(axis / (stride ?? 1)))

/** One tap of one pair of channels: y += weight · x, shifted and zero-padded. */
function addTap(x: Float64Array, y: Float64Array, weight: number, shift: readonly number[], row: Conv3dRow): void {
  const { stride = 1 } = row
  const [height, width, depth] = row.volume
  const [rows, columns, planes] = outputAxes(row) as [number, number, number]
  const [kh, kw, kd] = shift as [number, number, number]
  for (let h = 0; h < rows; h++) {
    const xh = h * stride + kh
    if (xh < 0 || xh >= height) continue
    for (let w = 0; w < columns; w++) {
      const xw = w * stride + kw
      if (xw < 0 || xw >= width) continue
      const line = (xh * width + xw) * depth + kd
      const to = (h * columns + w) * planes
      for (let d = 0; d < planes; d++)
        if (d * stride + kd >= 0 && d * stride + kd < depth) y[to + d]! += weight * x[line + d * stride]!
    }
  }
}

function reference(
  sources: readonly Float64Array[],
  weight: Float64Array,
  bias: Float64Array,
  row: Conv3dRow,
): Float64Array {
  const { samples, channels, outputs, size } = row
  const inputs = inputsOf(row)
  const padding = (size - 1) / 2
  const [voxels, positions] = [sizeOf(row.volume), sizeOf(outputAxes(row))]
  const y = new Float64Array(samples * outputs * positions)
  const plane = (n: number, i: number): Float64Array => {
    const second = i >= channels[0]
    const first = (second ? n * channels[1]! + i - channels[0] : n * channels[0] + i) * voxels
    return sources[second ? 1 : 0]!.subarray(first, first + voxels)
  }
  for (let n = 0; n < samples; n++)
    for (let o = 0; o < outputs; o++) {
      const out = y.subarray((n * outputs + o) * positions, (n * outputs + o + 1) * positions).fill(bias[o]!)
      let k = o * inputs * size ** 3
      for (let i = 0; i < inputs; i++)
        for (let kh = -padding; kh <= padding; kh++)
          for (let kw = -padding; kw <= padding; kw++)
            for (let kd = -padding; kd <= padding; kd++) addTap(plane(n, i), out, weight[k++]!, [kh, kw, kd], row)
    }
  return y
}

export const conv3dOperation: Operation<Conv3dRow> = {
  operation: 'conv3d',
  inputs: (row, random) => {
    const input = (...shape: Shape) => ({ shape, data: normals(random, sizeOf(shape)), gradient: true })
    const { samples, outputs, size, volume } = row
    const [first, second] = row.channels
    return {
      x: input(samples, first, ...volume),
      ...(second ? { second: input(samples, second, ...volume) } : {}),
      weight: input(outputs, inputsOf(row), size, size, size),
      bias: input(outputs),
    }
  },
  activations: ['x', 'second'],
  build: (tape, { x, second, weight, bias }, { stride }) => ({
    y: conv3d(tape, x!, weight!, bias!, { ...(second ? { with: second } : {}), ...(stride ? { stride } : {}) }),
  }),
  // f16 keeps 11 bits, so a product of two rounded numbers has a relative error of at most 2^-10. The error of a sum grows like the
  // sum itself, with the square root of its length.
  tolerances: { matrix: 2 ** -10 },
  reference: ({ x, second, weight, bias }, row) => ({
    y: reference(second ? [x!, second] : [x!], weight!, bias!, row),
  }),
  flops: row => 2 * row.samples * inputsOf(row) * row.outputs * row.size ** 3 * sizeOf(outputAxes(row)),
  bytes: row =>
    4 *
    (row.samples * (inputsOf(row) * sizeOf(row.volume) + row.outputs * sizeOf(outputAxes(row))) +
      row.outputs * (inputsOf(row) * row.size ** 3 + 1)),
  limit: ({ limit }) => limit,
}

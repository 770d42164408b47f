import { conv3d } from '../../src/ops/conv3d/conv3d.ts'
import { type Shape, sizeOf } from '../../src/util/shape.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  samples: number
  /** channels of x and, where there are two, of the second input */
  channels: readonly [number] | readonly [number, number]
  outputs: number
  size: 1 | 3
  stride?: 2
  volume: readonly [number, number, number]
  /** bytes */
  limit?: number
}

const inputsOf = ({ channels: [first, second] }: Row): number => first + (second ?? 0)
const outputAxes = ({ volume, stride }: Row): number[] => volume.map(axis => Math.ceil(axis / (stride ?? 1)))

/** One tap of one pair of channels: y += weight · x, shifted; what lies outside x is zero. */
function addTap(x: Float64Array, y: Float64Array, weight: number, shift: readonly number[], row: Row): void {
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

function reference(sources: readonly Float64Array[], weight: Float64Array, bias: Float64Array, row: Row): Float64Array {
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

export default defineCase<Row>({
  operation: 'conv3d',
  rows: [
    { samples: 1, channels: [1], outputs: 1, size: 3, volume: [1, 1, 1] },
    { samples: 2, channels: [3], outputs: 5, size: 3, volume: [5, 6, 7] },
    { samples: 1, channels: [1], outputs: 16, size: 3, volume: [8, 8, 8] },
    { samples: 2, channels: [16, 1], outputs: 17, size: 3, volume: [3, 2, 5] },
    { samples: 1, channels: [16, 1], outputs: 64, size: 3, volume: [2, 1, 5] },
    { samples: 1, channels: [64], outputs: 64, size: 3, volume: [1, 2, 3] },
    { samples: 1, channels: [2, 2], outputs: 4, size: 3, volume: [7, 3, 17] },
    { samples: 2, channels: [32], outputs: 64, size: 3, volume: [2, 2, 1] },
    { samples: 2, channels: [6], outputs: 10, size: 3, volume: [2, 2, 1] },
    { samples: 2, channels: [5, 3], outputs: 6, size: 3, stride: 2, volume: [5, 6, 7] },
    { samples: 1, channels: [4], outputs: 3, size: 3, stride: 2, volume: [4, 8, 2] },
    { samples: 2, channels: [64], outputs: 13, size: 1, volume: [4, 3, 6] },
    { samples: 1, channels: [2, 3], outputs: 7, size: 1, volume: [5, 3, 9] },
    { samples: 2, channels: [3], outputs: 5, size: 1, stride: 2, volume: [4, 5, 6] },
    // enough tiles and channels for Winograd, the last in two slabs
    { samples: 2, channels: [16], outputs: 16, size: 3, volume: [3, 7, 8] },
    { samples: 1, channels: [12, 5], outputs: 17, size: 3, volume: [3, 7, 16] },
    { samples: 1, channels: [18], outputs: 33, size: 3, volume: [3, 5, 6] },
    { samples: 1, channels: [16, 2], outputs: 49, size: 3, volume: [1, 16, 16] },
    { samples: 1, channels: [16], outputs: 16, size: 3, volume: [1, 16, 18], limit: 2 ** 19 },
    // several workgroups along every axis, for each shape of the implicit product's tiles
    { samples: 1, channels: [1, 1], outputs: 113, size: 3, volume: [5, 9, 16] },
    { samples: 1, channels: [3], outputs: 49, size: 3, volume: [7, 9, 9] },
    { samples: 1, channels: [1, 2], outputs: 17, size: 3, volume: [9, 9, 9] },
    // binding limits that cut by samples, by input and output channels, by rows of the weight
    { samples: 3, channels: [9], outputs: 6, size: 3, volume: [4, 4, 8], limit: 2 ** 14 },
    { samples: 2, channels: [10, 3], outputs: 9, size: 3, volume: [4, 7, 9], limit: 2 ** 13 },
    { samples: 2, channels: [20, 3], outputs: 30, size: 1, volume: [4, 5, 3], limit: 2 ** 12 },
    { samples: 1, channels: [13], outputs: 9, size: 3, stride: 2, volume: [5, 6, 7], limit: 2 ** 13 },
  ],
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
  // f16 keeps 11 bits: a product of two rounded numbers is off by 2^-10 of itself at most, and the errors of a sum grow as the sum
  // does, with the root of its length
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
})

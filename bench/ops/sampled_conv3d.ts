import type { Conv3dRow } from '../operations/conv3d.ts'
import type { OperationInput, Random } from './operation.ts'
import type { Pass } from './shapes.ts'

type Place = readonly [h: number, w: number, d: number]

/** Number of elements to check. */
const ELEMENTS = 96
/** In a weight gradient, where each is a sum over all voxels. */
const WEIGHT_ELEMENTS = 24

/** Relative to the largest magnitude among the elements checked; the order of sums differs. */
const TOLERANCE = { forward: 1e-5, 'backward data': 1e-5, 'backward weight': 1e-4 }

/** Single elements of convolutions with stride 1 in float64, for sizes too large for the reference. */
class Conv3dElements {
  private readonly row: Conv3dRow
  private readonly inputs: Record<string, OperationInput>
  private readonly cotangent: Float32Array | undefined
  private readonly radius: number

  constructor(row: Conv3dRow, inputs: Record<string, OperationInput>, cotangent?: Float32Array) {
    this.row = row
    this.inputs = inputs
    this.cotangent = cotangent
    this.radius = (row.size - 1) / 2
  }

  /** y(n, o, h, w, d), by index */
  output(index: number): number {
    const { outputs } = this.row
    const [n, o, place] = this.unfold(index, outputs)
    let sum = this.inputs.bias!.data[o]!
    for (let i = 0; i < this.channels; i++)
      this.eachTap((tap, h, w, d) => {
        sum += this.weight(o, i, tap) * this.input(n, i, [place[0] + h, place[1] + w, place[2] + d])
      })
    return sum
  }

  /** d(input)(n, i, h, w, d) of input `source`, by index: y(p) reads x(p + t) with weight t, so x(q) contributes to y(q − t) */
  inputGradient(index: number, source: number): number {
    const [n, channel, place] = this.unfold(index, this.row.channels[source]!)
    const i = source === 0 ? channel : this.row.channels[0]! + channel
    let sum = 0
    for (let o = 0; o < this.row.outputs; o++)
      this.eachTap((tap, h, w, d) => {
        sum += this.weight(o, i, tap) * this.gradient(n, o, [place[0] - h, place[1] - w, place[2] - d])
      })
    return sum
  }

  /** d(weight)(o, i, tap), by index */
  weightGradient(index: number): number {
    const taps = this.row.size ** 3
    const [o, i, wanted] = [
      Math.floor(index / taps / this.channels),
      Math.floor(index / taps) % this.channels,
      index % taps,
    ]
    const [height, width, depth] = this.row.volume
    let sum = 0
    this.eachTap((tap, dh, dw, dd) => {
      if (tap !== wanted) return
      for (let n = 0; n < this.row.samples; n++)
        for (let h = 0; h < height; h++)
          for (let w = 0; w < width; w++)
            for (let d = 0; d < depth; d++)
              sum += this.gradient(n, o, [h, w, d]) * this.input(n, i, [h + dh, w + dw, d + dd])
    })
    return sum
  }

  private get channels(): number {
    return this.row.channels.reduce((sum, count) => sum + count, 0)
  }

  private eachTap(visit: (tap: number, h: number, w: number, d: number) => void): void {
    let tap = 0
    for (let h = -this.radius; h <= this.radius; h++)
      for (let w = -this.radius; w <= this.radius; w++)
        for (let d = -this.radius; d <= this.radius; d++) visit(tap++, h, w, d)
  }

  private unfold(index: number, channels: number): [sample: number, channel: number, place: Place] {
    const [height, width, depth] = this.row.volume
    const plane = Math.floor(index / (height * width * depth))
    const row = Math.floor(index / depth)
    return [
      Math.floor(plane / channels),
      plane % channels,
      [Math.floor(row / width) % height, row % width, index % depth],
    ]
  }

  private weight(o: number, i: number, tap: number): number {
    return this.inputs.weight!.data[(o * this.channels + i) * this.row.size ** 3 + tap]!
  }

  /** channels of the concatenated inputs */
  private input(n: number, channel: number, place: Place): number {
    const [first, second] = this.row.channels
    if (channel < first) return this.at(this.inputs.x!.data, n * first + channel, place)
    return this.at(this.inputs.second!.data, n * second! + channel - first, place)
  }

  private gradient(n: number, o: number, place: Place): number {
    return this.at(this.cotangent!, n * this.row.outputs + o, place)
  }

  /** zero outside the volume */
  private at(data: Float32Array | Uint32Array, plane: number, [h, w, d]: Place): number {
    const [height, width, depth] = this.row.volume
    if (h < 0 || h >= height || w < 0 || w >= width || d < 0 || d >= depth) return 0
    return data[((plane * height + h) * width + w) * depth + d]!
  }
}

/**
 * Holds `actual` to the definition at random elements, the first and the last. Errors are shares of the largest magnitude there.
 * `source`: of the inputs that are concatenated, the one whose gradient it is.
 */
export function checkConv3d(
  { pass, source = 0 }: { pass: Exclude<Pass, 'forward + backward'>; source?: number },
  row: Conv3dRow,
  given: { inputs: Record<string, OperationInput>; cotangent?: Float32Array },
  actual: ArrayLike<number>,
  random: Random,
): { error: number; allowed: number } {
  const elements = new Conv3dElements(row, given.inputs, given.cotangent)
  const exact = (index: number): number => {
    if (pass === 'forward') return elements.output(index)
    return pass === 'backward data' ? elements.inputGradient(index, source) : elements.weightGradient(index)
  }
  const count = pass === 'backward weight' ? WEIGHT_ELEMENTS : ELEMENTS
  const places = [0, actual.length - 1, ...Array.from({ length: count }, () => random.integer(actual.length))]
  const expected = places.map(exact)
  const largest = Math.max(...expected.map(Math.abs))
  const error = Math.max(...places.map((place, at) => Math.abs(actual[place]! - expected[at]!)))
  return { error: Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / largest, allowed: TOLERANCE[pass] }
}

import type { Device } from '../gpu/device.ts'
import { Pipelines } from '../gpu/pipelines.ts'
import { Tape } from '../graph/tape.ts'
import { type Tensor, tensor } from '../graph/tensor.ts'
import { conv3d } from '../ops/conv3d/conv3d.ts'
import { makePlan } from '../plan/plan.ts'
import { Runner, SlotPool } from '../plan/runner.ts'
import { Storage } from '../plan/storage.ts'
import { Closer } from '../util/closer.ts'
import { RandomStream } from '../util/random.ts'
import { sizeOf } from '../util/shape.ts'

/** Odd sizes on purpose: no axis is a multiple of a tile. */
const INPUT = [1, 3, 6, 5, 7] as const // (N, C, H, W, D)
const OUTPUTS = 5 // channels
const TOLERANCE = 1e-5 // relative to the largest output

/** Runs one 3³ convolution on the device and compares it with plain loops. Returns a line with the error; throws if it is too large. */
export async function selfTest(device: Device): Promise<string> {
  const random = new RandomStream({ seed: 1, operation: 0 })
  const filled = (name: string, shape: readonly number[]): [Tensor, Float32Array] => [
    tensor(name, shape, 'input'),
    new Float32Array(sizeOf(shape)).map(() => random.uniform(-1, 1)),
  ]
  const [x, xs] = filled('x', INPUT)
  const [weight, weights] = filled('weight', [OUTPUTS, INPUT[1], 3, 3, 3])
  const [bias, biases] = filled('bias', [OUTPUTS])
  const tape = new Tape()
  const y = conv3d(tape, x, weight, bias)

  const actual = await Closer.using(async opened => {
    const storage = opened.add(new Storage(device), each => each.destroy())
    for (const [t, values] of [
      [x, xs],
      [weight, weights],
      [bias, biases],
    ] as const) {
      storage.addTensor(t)
      storage.write(t, values)
    }
    const plan = makePlan('self-test', tape.calls, [y], device.facts)
    const pool = opened.add(await SlotPool.allocate(device, [plan]), each => each.destroy())
    const runner = await Runner.prepare(plan, { device, pipelines: new Pipelines(device), storage, pool })
    runner.submit()
    return runner.read(y)
  })
  const error = relativeError(actual, convolve(xs, weights, biases))
  if (!(error <= TOLERANCE))
    throw new Error(
      `a 3³ convolution is off by ${error.toExponential(1)} of its largest value, expected ${TOLERANCE} or less`,
    )
  return `a 3³ convolution is exact to ${error.toExponential(1)}`
}

/** The convolution as plain loops in float64, with zero padding. */
function convolve(x: Float32Array, weight: Float32Array, bias: Float32Array): Float64Array {
  const [, channels, height, width, depth] = INPUT
  const at = (c: number, h: number, w: number, d: number): number =>
    h < 0 || w < 0 || d < 0 || h >= height || w >= width || d >= depth
      ? 0
      : x[((c * height + h) * width + w) * depth + d]!
  const voxels = height * width * depth
  return Float64Array.from({ length: OUTPUTS * voxels }, (_, i) => {
    const [o, h, w, d] = [
      Math.floor(i / voxels),
      Math.floor((i % voxels) / (width * depth)),
      Math.floor((i % (width * depth)) / depth),
      i % depth,
    ]
    let sum = bias[o]!
    for (let c = 0; c < channels; c++)
      for (let k = 0; k < 27; k++) {
        const [kh, kw, kd] = [Math.floor(k / 9), Math.floor((k % 9) / 3), k % 3]
        sum += weight[(o * channels + c) * 27 + k]! * at(c, h + kh - 1, w + kw - 1, d + kd - 1)
      }
    return sum
  })
}

function relativeError(actual: Float32Array, expected: Float64Array): number {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0)
  return worst / largest
}

import { describe, expect, test } from 'vitest'
import { Tape } from '../../src/graph/tape.ts'
import { type Tensor, tensor } from '../../src/graph/tensor.ts'
import { cast } from '../../src/ops/cast.ts'
import { sizeOf } from '../../src/util/shape.ts'
import { eachVoxel, type Vector } from '../augmentation.ts'
import { type AugmentRow, augmentInputs, buildAugment, rows } from '../cases/augment.ts'
import { runOnce, testDevice } from '../harness.ts'
import { randomOf, relativeError } from '../numbers.ts'

// What the augmentations mean, told without their formulas: the rows compare them with those.

const at = await testDevice()
const SIZE: Vector = [16, 16, 16]
const VOXELS = sizeOf(SIZE)

interface Given {
  samples?: number
  channels?: number
  partner?: readonly number[]
  size?: Vector
  settings: AugmentRow['settings']
  /** of voxel `axes` of channel c */
  image(axes: Vector, c: number): number
  /** whether a voxel is in the masks */
  mask?(axes: Vector): boolean
}

/** Augments samples that are all alike but for their index. */
async function augmented({ samples = 1, channels = 1, partner = [0], size = SIZE, settings, image, mask }: Given) {
  const row = { samples, channels, partner, size, settings }
  const inputs = augmentInputs(row, randomOf('meaning'))
  const voxels = sizeOf(size)
  eachVoxel(size, (axes, v) => {
    for (let volume = 0; volume < samples * channels; volume++)
      inputs.image.data[volume * voxels + v] = image(axes, volume % channels)
  })
  if (mask) {
    inputs.maskBits.data.fill(0)
    eachVoxel(size, (axes, v) => {
      if (mask(axes)) inputs.maskBits.data[v >> 5]! |= 1 << (v & 31)
    })
  }
  const tensors: Record<string, Tensor> = {}
  const values = new Map<Tensor, Float32Array | Uint32Array>()
  for (const [name, { shape, data }] of Object.entries(inputs)) {
    tensors[name] = tensor(name, shape, 'input', data instanceof Uint32Array ? 'u32' : 'f32')
    values.set(tensors[name], data)
  }
  const tape = new Tape()
  const result = buildAugment(tape, tensors, row)
  const read = { ...result, image: cast(tape, result.image, 'f32') }
  const { image: made, maskBits, presence } = await runOnce(at, tape, values, read)
  return { image: made!, maskBits: maskBits!, presence: presence!, inputs }
}

function meanOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}

describe('gamma', () => {
  const [low, high] = [0.5, 2]
  const gammas = async (probability: number, samples: number, channels: number) => {
    const settings = { gamma: { probability, range: [low, high] as const } }
    const { image } = await augmented({ samples, channels, settings, image: () => 64 })
    return Array.from({ length: samples * channels }, (_, i) => Math.log(image[i * VOXELS]! / 255) / Math.log(64 / 255))
  }

  test('brightens as often as it darkens, each channel by itself', async () => {
    const logs = (await gammas(1, 100, 2)).map(Math.log)
    const width = Math.log(high) - Math.log(low)
    const deviation = width / Math.sqrt(12)
    expect(Math.abs(meanOf(logs))).toBeLessThan((4 * deviation) / Math.sqrt(logs.length))
    expect(Math.max(...logs.map(Math.abs))).toBeLessThan(Math.log(high) + 1e-5)
    expect(Math.sqrt(meanOf(logs.map(x => x * x))) / deviation).toBeCloseTo(1, 0)
    expect(new Set(logs).size).toBe(logs.length)
  })

  test('changes as many samples as its probability says, with all their channels', async () => {
    const drawn = await gammas(0.3, 100, 2)
    const changed = drawn.map(gamma => Math.abs(gamma - 1) > 1e-4)
    const pairs = changed.filter((_, i) => i % 2 === 0)
    expect(changed.filter((_, i) => i % 2 === 1)).toEqual(pairs)
    expect(Math.abs(meanOf(pairs.map(Number)) - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / 100))
  })

  test('keeps black and white', async () => {
    const settings = { gamma: { probability: 1, range: [0.5, 0.5] as const } }
    const { image } = await augmented({ settings, image: ([h]) => (h < 8 ? 0 : 255) })
    expect(image[0]).toBe(0)
    expect(image.at(-1)).toBeCloseTo(255, 3)
  })
})

test('blur makes of a point a bell of its standard deviation along each axis, and loses nothing', async () => {
  const settings = { blur: { probability: 1, range: [1.5, 1.5] as const } }
  const { image } = await augmented({ settings, image: axes => (axes.every(x => x === 8) ? 255 : 0) })
  const sum = [...image].reduce((a, b) => a + b, 0)
  expect(sum / 255).toBeCloseTo(1, 5)
  const moments: Vector = [0, 0, 0]
  eachVoxel(SIZE, (axes, v) => {
    for (const axis of [0, 1, 2]) moments[axis]! += ((axes[axis]! - 8) ** 2 * image[v]!) / sum
  })
  for (const moment of moments) expect(moment / 1.5 ** 2).toBeCloseTo(1, 2)
})

test('at half the resolution stripes of one voxel are gone, and those of eight are there', async () => {
  const settings = { lowResolution: { probability: 1, range: [2, 2] as const } }
  const fine = await augmented({ settings, image: ([, , d]) => 200 * (d % 2) })
  expect(relativeError(fine.image, new Float64Array(VOXELS).fill(100))).toBeLessThan(1e-6)
  const coarse = await augmented({ settings, image: ([h]) => 200 * Math.floor(h / 8) })
  expect([coarse.image[0], coarse.image.at(-1)]).toEqual([0, 200])
})

test('a bias field is smooth, stays inside its bounds, is the same for all channels and another for each sample', async () => {
  const strength = 0.5
  const settings = { biasField: { probability: 1, strength } }
  const { image } = await augmented({ samples: 16, channels: 2, settings, image: () => 100 })
  const logs = [...image].map(value => Math.log(value / 100))
  expect(logs.filter(x => Math.abs(x) >= strength)).toEqual([])
  const deviation = Math.sqrt(meanOf(logs.map(x => x * x)))
  expect(deviation / strength).toBeGreaterThan(0.15)
  expect(deviation / strength).toBeLessThan(0.25)
  const jumps = logs.filter((x, i) => i % SIZE[2] !== 0 && Math.abs(x - logs[i - 1]!) > strength / 4)
  expect(jumps).toEqual([])
  const volume = (i: number) => image.subarray(i * VOXELS, (i + 1) * VOXELS)
  expect(volume(1)).toEqual(volume(0))
  expect(volume(2)).not.toEqual(volume(0))
})

describe('elastic deformation', () => {
  const size: Vector = [32, 32, 32]
  const spacing = 8
  const displacement = 0.4 * spacing
  const elastic = { probability: 1, displacement, spacing }
  const MARGIN = 4

  test('at its largest folds nothing and moves nothing further than it may', async () => {
    // channel c holds coordinate c, so the result says where each voxel looked
    const { image } = await augmented({ channels: 3, size, settings: { elastic }, image: (axes, c) => axes[c]! })
    const voxels = sizeOf(size)
    const strides = [size[1] * size[2], size[2], 1]
    const place = (v: number): number[] => [0, 1, 2].map(c => image[c * voxels + v]!)
    let smallest = Number.POSITIVE_INFINITY
    let furthest = 0
    eachVoxel(size, (axes, v) => {
      if (axes.some((x, axis) => x < MARGIN || x >= size[axis]! - MARGIN - 1)) return
      const here = place(v)
      furthest = Math.max(furthest, ...here.map((x, axis) => Math.abs(x - axes[axis]!)))
      const [a, b, c] = strides.map(stride => place(v + stride).map((x, axis) => x - here[axis]!)) as Vector[]
      smallest = Math.min(smallest, determinant(a!, b!, c!))
    })
    expect(smallest).toBeGreaterThan(0)
    expect(furthest).toBeLessThanOrEqual(displacement)
    expect(furthest).toBeGreaterThan(displacement / 3)
  })

  test('moves image and masks together, turned too', async () => {
    const mask = ([h, w, d]: Vector) => (h - 15) ** 2 + (w - 17) ** 2 + (d - 14) ** 2 < 80
    const { image, maskBits } = await augmented({
      size,
      settings: { elastic, rotationDegrees: 30 },
      image: axes => 255 * Number(mask(axes)),
      mask,
    })
    const inMask = [...image].map((_, v) => ((maskBits[v >> 5]! >>> (v & 31)) & 1) === 1)
    expect(inMask.filter(Boolean).length).toBeGreaterThan(1000)
    image.forEach((value, v) => {
      // all eight neighbours of the place are alike
      if (value === 0 || value > 254.99) expect(inMask[v]).toBe(value > 1)
    })
  })

  test('leaves presence to the flip: left and right change places, nobody appears', async () => {
    const partner = [1, 0, 2]
    const given = { partner, image: () => 100 }
    const still = await augmented({ ...given, settings: { elastic } })
    expect(still.presence).toEqual(still.inputs.presence.data)
    const flipped = await augmented({ ...given, settings: { elastic, flipProbability: 1, flipAxes: [0] } })
    expect(flipped.presence).toEqual(flipped.inputs.presence.data.map((_, s, all) => all[partner[s]!]!))
  })
})

function determinant(a: Vector, b: Vector, c: Vector): number {
  return a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0])
}

test.skipIf(!at.device.facts.features.has('shader-f16'))(
  'all of them for f16 activations: what f32 has, rounded once',
  async () => {
    const { settings } = rows.findLast(row => row.settings.elastic && row.settings.gamma)!
    const given = { samples: 2, image: ([h, w, d]: Vector) => (37 * h + 11 * w + 5 * d) % 256 }
    const f32 = await augmented({ ...given, settings })
    const f16 = await augmented({ ...given, settings: { ...settings, precision: 'f16' } })
    expect(relativeError(f16.image, f32.image)).toBeLessThanOrEqual(2 ** -11)
    expect(f16.maskBits).toEqual(f32.maskBits)
  },
)

import type { Tape } from '../../src/graph/tape.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { augment } from '../../src/ops/augment/augment.ts'
import type { LabelledImages } from '../../src/ops/augment/move.ts'
import type { AugmentSettings } from '../../src/ops/augment/settings.ts'
import {
  normal2,
  OP_BIAS_FIELD,
  OP_BLUR,
  OP_ELASTIC,
  OP_FLIP,
  OP_GAMMA,
  OP_LOW_RESOLUTION,
  OP_NOISE,
  OP_ROTATION,
  OP_SCALE,
  philox,
  uniform01,
} from '../../src/util/random.ts'
import { sizeOf } from '../../src/util/shape.ts'
import {
  alongAxis,
  between,
  blurredLine,
  coarseLine,
  type Drawing,
  eachVoxel,
  happens,
  splines,
  type Vector,
} from '../augmentation.ts'
import { type CaseInput, defineCase, type Random } from '../case.ts'

type Size = readonly [number, number, number]

/** A row: shapes, and the settings that differ from no augmentation. */
export interface AugmentRow {
  samples: number
  channels: number
  partner: readonly number[]
  size: Size
  settings: Partial<Omit<AugmentSettings, 'partner'>>
  /** binding limit in bytes */
  limit?: number
}

const UNCHANGED = {
  noiseStd: 0,
  intensityScaleRange: [1, 1],
  rotationDegrees: 0,
  flipProbability: 0,
  flipAxes: [0],
} as const
const DOCUMENTED = { noiseStd: 2, intensityScaleRange: [0.95, 1.05], rotationDegrees: 5, flipProbability: 0.3 } as const
const ANY_FLIP = { flipProbability: 0.5, flipAxes: [0, 1, 2] } as const
const ELASTIC = { probability: 1, displacement: 3, spacing: 8 } as const
const BLUR = { probability: 1, range: [0.3, 2.2] } as const
const LOW_RESOLUTION = { probability: 1, range: [1, 4] } as const
const BIAS_FIELD = { probability: 1, strength: 0.7 } as const
const GAMMA = { probability: 1, range: [0.5, 2] } as const
/** All operations at once, each applied to about two thirds of the samples. */
const EVERYTHING = {
  ...DOCUMENTED,
  ...ANY_FLIP,
  elastic: { probability: 0.7, displacement: 2.4, spacing: 6 },
  blur: { ...BLUR, probability: 0.7 },
  lowResolution: { ...LOW_RESOLUTION, probability: 0.7 },
  biasField: { ...BIAS_FIELD, probability: 0.7 },
  gamma: { ...GAMMA, probability: 0.7 },
} as const
const THIRTEEN = [1, 0, 2, 3, 4, 5, 7, 6, 8, 9, 10, 11, 12]
const SEED = 42
const EPOCH = 7
const FIRST_SAMPLE = 100

export const rows: readonly AugmentRow[] = [
  { samples: 1, channels: 1, partner: [0], size: [32, 16, 32], settings: {} },
  { samples: 3, channels: 3, partner: [1, 0, 2], size: [32, 16, 32], settings: { flipProbability: 1 } },
  { samples: 3, channels: 1, partner: [0, 2, 1, 4, 3], size: [16, 16, 32], settings: ANY_FLIP },
  {
    samples: 1,
    channels: 3,
    partner: [0, 1, 2],
    size: [16, 32, 16],
    settings: { noiseStd: 20, intensityScaleRange: [0.5, 2] },
  },
  { samples: 1, channels: 1, partner: [1, 0, 2], size: [32, 16, 32], settings: { rotationDegrees: 5 } },
  {
    samples: 3,
    channels: 1,
    partner: [1, 0, 2, 3, 4],
    size: [16, 48, 32],
    settings: { ...ANY_FLIP, rotationDegrees: 180 },
  },
  { samples: 3, channels: 3, partner: [1, 0, 3, 2, 4], size: [32, 16, 32], settings: DOCUMENTED },
  {
    samples: 3,
    channels: 1,
    partner: [1, 0, 2],
    size: [32, 16, 32],
    settings: { ...DOCUMENTED, flipProbability: 0.5, flipAxes: [1, 2] },
  },
  {
    samples: 3,
    channels: 3,
    partner: THIRTEEN,
    size: [32, 16, 32],
    settings: { ...DOCUMENTED, ...ANY_FLIP },
    limit: 65_536,
  },
  { samples: 3, channels: 3, partner: [1, 0, 2], size: [32, 16, 32], settings: { elastic: ELASTIC } },
  { samples: 2, channels: 1, partner: [0], size: [16, 48, 16], settings: { elastic: { ...ELASTIC, spacing: 9.5 } } },
  { samples: 3, channels: 3, partner: [0], size: [32, 16, 32], settings: { blur: { ...BLUR, probability: 0.6 } } },
  {
    samples: 3,
    channels: 2,
    partner: [0],
    size: [16, 48, 16],
    settings: { lowResolution: { ...LOW_RESOLUTION, probability: 0.6 } },
  },
  { samples: 3, channels: 2, partner: [0], size: [32, 16, 32], settings: { biasField: BIAS_FIELD } },
  { samples: 3, channels: 3, partner: [0], size: [32, 16, 32], settings: { gamma: { ...GAMMA, probability: 0.6 } } },
  { samples: 1, channels: 1, partner: [0], size: [16, 16, 16], settings: { blur: BLUR, gamma: GAMMA } },
  { samples: 3, channels: 4, partner: THIRTEEN, size: [32, 16, 32], settings: EVERYTHING, limit: 196_608 },
  { samples: 3, channels: 1, partner: [1, 0, 2], size: [16, 48, 32], settings: EVERYTHING, limit: 589_824 },
  {
    samples: 9,
    channels: 1,
    partner: [0],
    size: [16, 16, 16],
    settings: { elastic: { probability: 0.8, displacement: 1.6, spacing: 4 } },
    limit: 65_536,
  },
  {
    samples: 2,
    channels: 5,
    partner: [1, 0, 2],
    size: [16, 16, 16],
    settings: { blur: BLUR, biasField: BIAS_FIELD },
    limit: 65_536,
  },
]

/**
 * The rows compare image and presence. Mask words have no numerical error, and nearest voxels can tie, so
 * kernels/augment.test.ts compares the masks bit by bit.
 */
export default defineCase<AugmentRow>({
  operation: 'augment',
  rows,
  inputs: augmentInputs,
  build(tape, inputs, row) {
    const { image, presence } = buildAugment(tape, inputs, row)
    return { image, presence }
  },
  reference(inputs, row) {
    const { image, presence } = augmentReference(inputs, row)
    return { image, presence }
  },
  flops: () => 0,
  bytes: ({ samples, channels, partner, size }) => 2 * samples * sizeOf(size) * (channels * 4 + partner.length / 8),
  limit: row => row.limit,
})

export function augmentInputs(row: AugmentRow, random: Random) {
  const { samples, channels, partner, size } = row
  const image = [samples, channels, ...size]
  const words = [samples, partner.length, sizeOf(size) / 32]
  const presence = [samples, partner.length]
  const indices = Array.from({ length: samples }, (_, n) => FIRST_SAMPLE + n)
  return {
    image: { shape: image, data: new Float32Array(sizeOf(image)).map(() => random.uniform(0, 255)) },
    maskBits: { shape: words, data: new Uint32Array(sizeOf(words)).map(() => random.integer(2 ** 32)) },
    presence: { shape: presence, data: new Float32Array(sizeOf(presence)).map(() => random.integer(3) - 1) },
    keys: { shape: [samples, 4], data: Uint32Array.from(indices.flatMap(sample => [SEED, EPOCH, sample, 0])) },
  } satisfies Record<string, CaseInput>
}

export function buildAugment(
  tape: Tape,
  inputs: Record<string, Tensor>,
  { partner, settings }: AugmentRow,
): LabelledImages {
  const { image, maskBits, presence, keys } = inputs
  const batch = { image: image!, maskBits: maskBits!, presence: presence!, keys: keys! }
  return augment(tape, batch, { ...UNCHANGED, ...settings, partner })
}

/** All values drawn for one sample, and the source position of its augmented voxels. */
interface Drawn {
  flipped: boolean[]
  scale: number
  /** source position of an augmented voxel, in voxels */
  source(voxel: Vector): Vector
  /** intensity augmentation of a moved channel before noise, in place */
  change(volume: Float64Array, channel: number): void
  noise(element: number): number
}

/** The augmentation as plain float64 loops. Each output voxel is traced back through the steps. */
export function augmentReference(inputs: Record<string, Float64Array>, row: AugmentRow) {
  const { samples, channels, size } = row
  const { noiseStd } = { ...UNCHANGED, ...row.settings }
  const voxels = sizeOf(size)
  const image = new Float64Array(inputs.image!.length)
  for (let n = 0; n < samples; n++) {
    const { source, change, noise, scale } = drawSample(n, inputs, row)
    for (let c = 0; c < channels; c++) {
      const volume = inputs.image!.subarray((n * channels + c) * voxels)
      const made = image.subarray((n * channels + c) * voxels, (n * channels + c + 1) * voxels)
      eachVoxel(size, (axes, v) => {
        made[v] = trilinear(volume, source(axes), size)
      })
      change(made, c)
      made.forEach((value, v) => {
        made[v] = Math.min(255, Math.max(0, (value + noiseStd * noise(c * voxels + v)) * scale))
      })
    }
  }
  return { image, ...labelReference(inputs, row) }
}

/** The same for masks and presence. */
export function labelReference(inputs: Record<string, Float64Array>, row: AugmentRow) {
  const { samples, partner, size } = row
  const voxels = sizeOf(size)
  const maskBits = new Float64Array(inputs.maskBits!.length)
  const presence = new Float64Array(inputs.presence!.length)
  for (let n = 0; n < samples; n++) {
    const { source, flipped } = drawSample(n, inputs, row)
    for (let s = 0; s < partner.length; s++) {
      const from = n * partner.length + (flipped[0] ? partner[s]! : s)
      presence[n * partner.length + s] = inputs.presence![from]!
      const mask = inputs.maskBits!.subarray((from * voxels) / 32)
      const made = maskBits.subarray(((n * partner.length + s) * voxels) / 32)
      eachVoxel(size, (axes, v) => {
        made[Math.floor(v / 32)]! += nearestBit(mask, source(axes), size) * 2 ** (v % 32)
      })
    }
  }
  return { maskBits, presence }
}

function nearestBit(source: Float64Array, place: Vector, size: readonly number[]): number {
  const at = place.map(x => Math.floor(x + 0.5)) as Vector
  if (!isInside(at, size)) return 0
  const v = voxelIndex(at, size)
  return Math.floor(source[Math.floor(v / 32)]! / 2 ** (v % 32)) % 2
}

function drawSample(n: number, inputs: Record<string, Float64Array>, { settings: given, size }: AugmentRow): Drawn {
  const settings = { ...UNCHANGED, ...given }
  const [seed, epoch, sample] = inputs.keys!.subarray(n * 4) as unknown as Vector
  const words: Drawing = (operation, block) => philox([block, operation, sample, epoch], [seed, 0])
  const displaced = remembered(displacer(words, settings, size), size)
  const flips = words(OP_FLIP, 0)
  const flipped = [0, 1, 2].map(
    axis => settings.flipAxes.includes(axis) && uniform01(flips[axis]!) < settings.flipProbability,
  )
  const angles = words(OP_ROTATION, 0).map(
    word => ((2 * uniform01(word) - 1) * settings.rotationDegrees * Math.PI) / 180,
  )
  const [low, high] = settings.intensityScaleRange
  const centre = size.map(length => (length - 1) / 2)
  return {
    flipped,
    scale: low + (high - low) * uniform01(words(OP_SCALE, 0)[0]),
    source(voxel) {
      let place = displaced(voxel).map((x, axis) => x - centre[axis]!) as Vector
      for (const axis of [2, 1, 0]) place = rotate(place, axis, -angles[axis]!)
      return place.map((x, axis) => (flipped[axis] ? -x : x) + centre[axis]!) as Vector
    },
    change: (volume, channel) => changeChannel(volume, channel, words, settings, size),
    noise(element) {
      const word = element % 4
      const block = words(OP_NOISE, Math.floor(element / 4))
      const pair = word < 2 ? normal2(block[0], block[1]) : normal2(block[2], block[3])
      return pair[word % 2]!
    },
  }
}

/** Channels and structures read the same voxels. */
function remembered(place: (voxel: Vector) => Vector, size: Size): (voxel: Vector) => Vector {
  const known: Vector[] = []
  return voxel => {
    known[voxelIndex(voxel, size)] ??= place(voxel)
    return known[voxelIndex(voxel, size)]!
  }
}

/** A voxel's source position before rotation and flip. */
function displacer(words: Drawing, { elastic }: Partial<AugmentSettings>, size: Size): (voxel: Vector) => Vector {
  if (!elastic || !happens(words, OP_ELASTIC, elastic.probability)) return voxel => voxel
  const { spacing, displacement } = elastic
  const field = splines(words, { operation: OP_ELASTIC, size, spacing: [spacing, spacing, spacing] })
  return voxel => {
    const aside = field(voxel)
    return voxel.map((x, axis) => x + displacement * aside[axis]!) as Vector
  }
}

/** Blur, low resolution, bias field and gamma of one channel. */
function changeChannel(
  volume: Float64Array,
  channel: number,
  words: Drawing,
  settings: Partial<AugmentSettings>,
  size: Size,
): void {
  const { blur, lowResolution, biasField, gamma } = settings
  for (const [operation, strength, change] of [
    [OP_BLUR, blur, blurredLine],
    [OP_LOW_RESOLUTION, lowResolution, coarseLine],
  ] as const) {
    if (!strength || !happens(words, operation, strength.probability)) continue
    for (const axis of [0, 1, 2]) {
      const amount = between(strength.range, words(operation, 1 + channel)[axis]!)
      alongAxis(volume, size, axis, line => change(line, amount))
    }
  }
  if (biasField && happens(words, OP_BIAS_FIELD, biasField.probability)) {
    const spacing = size.map(length => length / 2) as Vector
    const logarithm = splines(words, { operation: OP_BIAS_FIELD, size, spacing })
    eachVoxel(size, (axes, v) => {
      volume[v]! *= Math.exp(biasField.strength * logarithm(axes)[0])
    })
  }
  if (gamma && happens(words, OP_GAMMA, gamma.probability)) {
    const [low, high] = gamma.range
    const exponent = Math.exp(between([Math.log(low), Math.log(high)], words(OP_GAMMA, 1 + channel)[0]))
    volume.forEach((value, v) => {
      volume[v] = 255 * Math.min(1, Math.max(0, value / 255)) ** exponent
    })
  }
}

/** Rotates about `axis`; a positive angle turns the next axis towards the one after it. */
function rotate(place: Vector, axis: number, angle: number): Vector {
  const first = (axis + 1) % 3
  const second = (axis + 2) % 3
  const turned: Vector = [...place]
  turned[first] = place[first]! * Math.cos(angle) - place[second]! * Math.sin(angle)
  turned[second] = place[first]! * Math.sin(angle) + place[second]! * Math.cos(angle)
  return turned
}

function trilinear(source: Float64Array, place: Vector, size: readonly number[]): number {
  const low = place.map(Math.floor) as Vector
  let sum = 0
  eachVoxel([2, 2, 2], side => {
    const at = low.map((x, axis) => x + side[axis]!) as Vector
    if (!isInside(at, size)) return
    const weights = at.map((x, axis) => 1 - Math.abs(place[axis]! - x))
    sum += weights[0]! * weights[1]! * weights[2]! * source[voxelIndex(at, size)]!
  })
  return sum
}

function isInside(axes: Vector, size: readonly number[]): boolean {
  return axes.every((x, axis) => x >= 0 && x < size[axis]!)
}

function voxelIndex([h, w, d]: Vector, size: readonly number[]): number {
  return (h * size[1]! + w) * size[2]! + d
}

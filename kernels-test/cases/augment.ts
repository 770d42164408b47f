import { type AugmentSettings, augment } from '../../src/ops/augment.ts'
import {
  normal2,
  OP_FLIP,
  OP_NOISE,
  OP_ROTATION,
  OP_SCALE,
  philox,
  uniform01,
  type Words,
} from '../../src/util/random.ts'
import { sizeOf } from '../../src/util/shape.ts'
import type { Case, CaseInput } from '../case.ts'

/** A row: the shapes, and the settings that differ from no augmentation at all. */
export interface AugmentRow {
  samples: number
  channels: number
  partner: readonly number[]
  size: readonly [number, number, number]
  settings: Partial<Omit<AugmentSettings, 'partner'>>
}

const UNCHANGED = {
  noiseStd: 0,
  intensityScaleRange: [1, 1],
  rotationDegrees: 0,
  flipProbability: 0,
  flipAxes: [0],
} as const
const DOCUMENTED = { noiseStd: 2, intensityScaleRange: [0.95, 1.05], rotationDegrees: 5, flipProbability: 0.3 } as const
const SEED = 42
const EPOCH = 7
const FIRST_SAMPLE = 100

export const augmentCase: Case<AugmentRow> = {
  operation: 'augment',
  tolerance: 1e-4,
  rows: [
    { samples: 1, channels: 1, partner: [0], size: [32, 16, 32], settings: {} },
    { samples: 3, channels: 3, partner: [1, 0, 2], size: [32, 16, 32], settings: { flipProbability: 1 } },
    {
      samples: 3,
      channels: 1,
      partner: [0, 2, 1, 4, 3],
      size: [16, 16, 32],
      settings: { flipProbability: 0.5, flipAxes: [0, 1, 2] },
    },
    {
      samples: 1,
      channels: 3,
      partner: [0, 1, 2],
      size: [16, 32, 16],
      settings: { noiseStd: 20, intensityScaleRange: [0.5, 2] },
    },
    { samples: 1, channels: 1, partner: [1, 0, 2], size: [32, 16, 32], settings: { rotationDegrees: 5 } },
    { samples: 3, channels: 1, partner: [1, 0, 2, 3, 4], size: [16, 48, 32], settings: { rotationDegrees: 180 } },
    { samples: 3, channels: 3, partner: [1, 0, 3, 2, 4], size: [32, 16, 32], settings: DOCUMENTED },
    {
      samples: 3,
      channels: 1,
      partner: [0],
      size: [32, 16, 32],
      settings: { ...DOCUMENTED, flipProbability: 0.5, flipAxes: [1, 2] },
    },
  ],
  inputs(row, random): Record<string, CaseInput> {
    const { samples, channels, partner, size } = row
    const image = [samples, channels, ...size]
    const words = [samples, partner.length, sizeOf(size) / 32]
    const presence = [samples, partner.length]
    const filled = <T extends Float32Array | Uint32Array>(data: T, value: () => number) => data.map(value) as T
    return {
      image: { shape: image, data: filled(new Float32Array(sizeOf(image)), () => random.uniform(0, 255)) },
      maskBits: { shape: words, data: filled(new Uint32Array(sizeOf(words)), () => random.integer(2 ** 32)) },
      presence: { shape: presence, data: filled(new Float32Array(sizeOf(presence)), () => random.integer(3) - 1) },
      keys: { shape: [samples, 4], data: sampleKeys(Array.from({ length: samples }, (_, n) => FIRST_SAMPLE + n)) },
    }
  },
  build(tape, inputs, row) {
    const { image, maskBits, presence, keys } = inputs
    return {
      ...augment(tape, { image: image!, maskBits: maskBits!, presence: presence!, keys: keys! }, settingsOf(row)),
    }
  },
  reference: (inputs, row) => augmentReference(inputs, row),
  flops: () => 0,
  bytes: ({ samples, channels, partner, size }) => 2 * samples * sizeOf(size) * (channels * 4 + partner.length / 8),
}

/** Keys of the given sample indices, (N, 4). */
export function sampleKeys(samples: readonly number[]): Uint32Array {
  return Uint32Array.from(samples.flatMap(sample => [SEED, EPOCH, sample, 0]))
}

export function settingsOf({ partner, settings }: AugmentRow): AugmentSettings {
  return { ...UNCHANGED, ...settings, partner }
}

type Vector = [number, number, number]

/** Everything drawn for one sample, and where one of its augmented voxels looks. */
interface Drawn {
  flipped: boolean[]
  scale: number
  /** the place in the source volume that a voxel shows, in voxels */
  source(voxel: Vector): Vector
  noise(element: number): number
}

/** The augmentation by the obvious loops in float64: each output voxel asks what was there before each of the steps. */
export function augmentReference(inputs: Record<string, Float64Array>, row: AugmentRow): Record<string, Float64Array> {
  const { samples, channels, partner, size } = row
  const settings = settingsOf(row)
  const voxels = sizeOf(size)
  const structures = partner.length
  const image = new Float64Array(inputs.image!.length)
  const maskBits = new Float64Array(inputs.maskBits!.length)
  const presence = new Float64Array(inputs.presence!.length)
  for (let n = 0; n < samples; n++) {
    const drawn = drawSample(inputs.keys!.slice(n * 4, n * 4 + 3) as unknown as Vector, settings, size)
    for (let c = 0; c < channels; c++) {
      const base = (n * channels + c) * voxels
      const source = inputs.image!.subarray(base, base + voxels)
      eachVoxel(size, (axes, v) => {
        const moved = trilinear(source, drawn.source(axes), size)
        const noisy = moved + settings.noiseStd * drawn.noise(c * voxels + v)
        image[base + v] = Math.min(255, Math.max(0, noisy * drawn.scale))
      })
    }
    for (let s = 0; s < structures; s++) {
      const from = n * structures + (drawn.flipped[0] ? partner[s]! : s)
      presence[n * structures + s] = inputs.presence![from]!
      eachVoxel(size, (axes, v) => {
        const at = drawn.source(axes).map(x => Math.floor(x + 0.5)) as Vector
        if (!isInside(at, size)) return
        const u = voxelIndex(at, size)
        const bit = Math.floor(inputs.maskBits![(from * voxels + u - (u % 32)) / 32]! / 2 ** (u % 32)) % 2
        maskBits[Math.floor(((n * structures + s) * voxels + v) / 32)]! += bit * 2 ** (v % 32)
      })
    }
  }
  return { image, maskBits, presence }
}

function drawSample(key: Vector, settings: AugmentSettings, size: readonly number[]): Drawn {
  const [seed, epoch, sample] = key
  const words = (operation: number, block: number): Words => philox([block, operation, sample, epoch], [seed, 0])
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
      let place = voxel.map((x, axis) => x - centre[axis]!) as Vector
      for (const axis of [2, 1, 0]) place = rotate(place, axis, -angles[axis]!)
      return place.map((x, axis) => (flipped[axis] ? -x : x) + centre[axis]!) as Vector
    },
    noise(element) {
      const word = element % 4
      const block = words(OP_NOISE, Math.floor(element / 4))
      const pair = word < 2 ? normal2(block[0], block[1]) : normal2(block[2], block[3])
      return pair[word % 2]!
    },
  }
}

/** Rotates about `axis`: a positive angle takes the next axis towards the one after it. */
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

function eachVoxel(size: readonly number[], visit: (axes: Vector, voxel: number) => void): void {
  const [height, width, depth] = size as Vector
  let voxel = 0
  for (let h = 0; h < height; h++)
    for (let w = 0; w < width; w++) for (let d = 0; d < depth; d++) visit([h, w, d], voxel++)
}

function isInside(axes: Vector, size: readonly number[]): boolean {
  return axes.every((x, axis) => x >= 0 && x < size[axis]!)
}

function voxelIndex([h, w, d]: Vector, size: readonly number[]): number {
  return (h * size[1]! + w) * size[2]! + d
}

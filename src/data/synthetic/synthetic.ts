import { OP_GENERATE, RandomStream } from '../../util/random.ts'
import type { ImageSize } from '../../util/shape.ts'
import { sizeOf } from '../../util/shape.ts'
import { type Scenario, STRUCTURES, type Structure } from './anatomy.ts'
import { blur, type Grid, zoom } from './smooth.ts'

/** Variation between synthetic bodies: standard deviations relative to volume, size and intensity. */
export interface Variation {
  imageSize: ImageSize
  positionNoise: number
  sizeNoise: number
  intensityNoise: number
  seed: number
}

export interface Sample {
  image: Float32Array // (H, W, D), 0..255
  masks: Uint8Array // (S, H, W, D), 0 or 1
  /** (S): 1 present, 0 absent. A present structure may have an empty mask. */
  presence: number[]
}

const VOXEL_NOISE = 15 // standard deviation within a structure
const VOXEL_RANGE = 0.3 // maximum voxel noise as a fraction of the structure's intensity
const IMAGING_BLUR = 0.8 // voxels
const BIAS_NOISE = 0.15
const BIAS_CELL = 8 // voxels
const BIAS_BLUR = 2 // voxels
const MASK_THRESHOLD = 10
const BLUR_REACH = 3 // voxels by which the imaging blur widens a structure: 4 standard deviations, rounded
const BIAS_REACH = 8 // radius in voxels of the bias field's blur

/** Makes sample `index` of a synthetic dataset; depends only on the variation (including the seed), the index and the scenario. */
export function makeSample(variation: Variation, index: number, scenario: Scenario): Sample {
  const voxels = sizeOf(variation.imageSize)
  const image = new Float32Array(voxels)
  const masks = new Uint8Array(STRUCTURES.length * voxels)
  for (const [s, structure] of STRUCTURES.entries())
    if (scenario.present.includes(structure.name)) {
      const random = partStream(variation.seed, index, s)
      addStructure(structure, variation, random, image, masks.subarray(s * voxels, (s + 1) * voxels))
    }
  addBackground(image, partStream(variation.seed, index, STRUCTURES.length))
  return { image, masks, presence: STRUCTURES.map(({ name }) => Number(scenario.present.includes(name))) }
}

/** The random numbers for one part of a sample: a structure, or the background. The part takes the epoch's place in the address. */
function partStream(seed: number, index: number, part: number): RandomStream {
  return new RandomStream({ seed, operation: OP_GENERATE, sample: index, epoch: part })
}

function addBackground(image: Float32Array, random: RandomStream): void {
  for (let v = 0; v < image.length; v++) {
    const tissue = clip(random.normal(40, 20), 0, 80)
    image[v] = clip(image[v]! + tissue + random.normal(0, 8), 0, 255)
  }
}

/** A structure in one sample, in voxels. */
interface Body {
  centre: ImageSize
  radius: ImageSize
  intensity: number
}

function vary(structure: Structure, variation: Variation, random: RandomStream): Body {
  const { imageSize, positionNoise, sizeNoise, intensityNoise } = variation
  const centre = structure.centre.map(place => clip(place + random.normal(0, positionNoise), 0.1, 0.9))
  const size = structure.size.map(extent => clip(extent * (1 + random.normal(0, sizeNoise)), 0.02, 0.5))
  const intensity = clip(structure.intensity * (1 + random.normal(0, intensityNoise)), 50, 250)
  return {
    centre: imageSize.map((axis, i) => Math.floor(centre[i]! * axis)) as ImageSize,
    radius: imageSize.map((axis, i) => Math.max(1, Math.floor((size[i]! * axis) / 2))) as ImageSize,
    intensity,
  }
}

/** Draws one structure into the image and its mask. Computes only the box that it can affect. */
function addStructure(
  structure: Structure,
  variation: Variation,
  random: RandomStream,
  image: Float32Array,
  mask: Uint8Array,
): void {
  const { imageSize } = variation
  const body = vary(structure, variation, random)
  const reach = BLUR_REACH + BIAS_REACH
  const low = imageSize.map((_, i) => Math.max(0, body.centre[i]! - body.radius[i]! - reach)) as ImageSize
  const high = imageSize.map((axis, i) => Math.min(axis, body.centre[i]! + body.radius[i]! + 1 + reach)) as ImageSize
  const box = low.map((start, i) => high[i]! - start) as ImageSize
  const values = fill(structure.shape, body, low, box, random)
  blur(values, box, IMAGING_BLUR)
  const bias = biasField(imageSize, low, high, random)
  blur(bias, box, BIAS_BLUR)
  let at = 0
  for (let h = low[0]; h < high[0]; h++)
    for (let w = low[1]; w < high[1]; w++)
      for (let d = low[2]; d < high[2]; d++, at++) {
        const value = clip(values[at]! * bias[at]!, 0, 255)
        const v = (h * imageSize[1] + w) * imageSize[2] + d
        image[v]! += value
        if (value > MASK_THRESHOLD) mask[v] = 1
      }
}

function fill(shape: Structure['shape'], body: Body, low: ImageSize, box: ImageSize, random: RandomStream): Grid {
  const { intensity } = body
  const values = new Float64Array(sizeOf(box))
  const isInside = solidOf(shape, body)
  let at = 0
  for (let h = 0; h < box[0]; h++)
    for (let w = 0; w < box[1]; w++)
      for (let d = 0; d < box[2]; d++, at++)
        if (isInside(low[0] + h, low[1] + w, low[2] + d)) {
          const value = random.normal(intensity, VOXEL_NOISE)
          values[at] = clip(value, intensity * (1 - VOXEL_RANGE), intensity * (1 + VOXEL_RANGE))
        }
  return values
}

type Solid = (h: number, w: number, d: number) => boolean

function solidOf(shape: Structure['shape'], { centre, radius }: Body): Solid {
  if (shape === 'ellipsoid') return ellipsoid(centre, radius)
  if (shape === 'kidney') {
    const whole = ellipsoid(centre, radius)
    const hilum = ellipsoid(
      [centre[0], Math.trunc(centre[1] - 0.3 * radius[1]), centre[2]],
      radius.map(r => Math.max(1, 0.4 * r)) as ImageSize,
    )
    return (h, w, d) => whole(h, w, d) && !hilum(h, w, d)
  }
  // The cylinder's axis is H.
  return (h, w, d) =>
    Math.abs(h - centre[0]) <= radius[0] && ((w - centre[1]) / radius[1]) ** 2 + ((d - centre[2]) / radius[2]) ** 2 <= 1
}

function ellipsoid(centre: ImageSize, radius: ImageSize): Solid {
  return (h, w, d) =>
    ((h - centre[0]) / radius[0]) ** 2 + ((w - centre[1]) / radius[1]) ** 2 + ((d - centre[2]) / radius[2]) ** 2 <= 1
}

/** The smooth intensity inhomogeneity of scanners: the part [low, high) of a bias field over the whole volume. */
function biasField(imageSize: ImageSize, low: ImageSize, high: ImageSize, random: RandomStream): Grid {
  const cells = imageSize.map(axis => Math.floor(axis / BIAS_CELL)) as ImageSize
  const coarse = Float64Array.from({ length: sizeOf(cells) }, () => random.normal(1, BIAS_NOISE))
  return zoom(coarse, cells, imageSize, low, high)
}

function clip(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high)
}

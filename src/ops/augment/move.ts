import { type Dispatch, kernel, type Lowering } from '../../graph/kernel.ts'
import { slices, type Tensor, windowOf } from '../../graph/tensor.ts'
import { ContractError } from '../../util/error.ts'
import { type Volume, volumeOf } from '../../util/shape.ts'
import type { AugmentSettings } from './settings.ts'
import { sampleSlices, windowOfSamples } from './spline.ts'

/** The part of a batch that a training step reads. */
export interface LabelledImages {
  image: Tensor // (N, C, H, W, D), intensities 0..255
  maskBits: Tensor // (N, S, V/32) u32
  presence: Tensor // (N, S)
}

interface MoveArgs {
  from: LabelledImages
  keys: Tensor // (N, 4) u32
  displacement: Tensor | undefined // (N, 3, H, W, D) voxels
  to: LabelledImages
  settings: AugmentSettings
}

/** A dispatch of the label kernel reads its mirror partners from one vec4u. */
const STRUCTURES_PER_DISPATCH = 4

/** Workgroup size of the image kernel. */
const IMAGE_WORKGROUP = 256

/** Flip, rotation, displacement, then noise, scale and clip of the image. */
export const moveImage = kernel<MoveArgs>('augment.image', ({ from, keys, displacement, to, settings }, { facts }) => {
  const { samples, channels, voxels, ...volume } = volumeOf(from.image.shape, 'augment.image')
  // With fewer channels than axes, the displacement is the largest binding.
  const limit = displacement ? facts.maxBindingBytes * Math.min(1, channels / 3) : facts.maxBindingBytes
  return slices(samples, channels, voxels, limit).map(slice => {
    const quads = (slice.samples * slice.channels * voxels) / 4
    const bindings = { image: windowOf(from.image, slice), keys, augmented: windowOf(to.image, slice) }
    return {
      shader: 'augment/image',
      ...(displacement
        ? { entry: 'elastic', bindings: { ...bindings, displacement: windowOfSamples(displacement, slice) } }
        : { bindings }),
      params: {
        ...poseParams(volume, settings),
        ...finishParams(settings),
        quads,
        channels: slice.channels,
        first_sample: slice.sample,
        first_channel: slice.channel,
      },
      constants: { WORKGROUP: IMAGE_WORKGROUP },
      invocations: quads,
    }
  })
})

/** Flip, rotation and displacement of the masks. A flip of axis 0 exchanges mirror partners. */
export const moveLabels = kernel<MoveArgs>('augment.labels', (args, at) => {
  const structures = args.settings.partner.length
  const groups = Math.ceil(structures / STRUCTURES_PER_DISPATCH)
  return Array.from({ length: groups }, (_, group) => labelDispatches(args, at, group * STRUCTURES_PER_DISPATCH)).flat()
})

/** Dispatches for the labels of up to four structures, starting at `firstStructure`. */
function labelDispatches(
  { from, keys, displacement, to, settings }: MoveArgs,
  { facts }: Lowering,
  firstStructure: number,
): Dispatch[] {
  const [samples, structures, words] = from.maskBits.shape as [number, number, number]
  checkBinding(4 * structures * words, facts.maxBindingBytes)
  const volume = volumeOf(from.image.shape, 'augment.labels')
  const partners = settings.partner.slice(firstStructure, firstStructure + STRUCTURES_PER_DISPATCH)
  const largest = Math.max(structures * words, displacement ? 3 * volume.voxels : 0)
  return sampleSlices(samples, largest, facts.maxBindingBytes).map(slice => {
    const bindings = {
      masks: windowOfSamples(from.maskBits, slice),
      presence: from.presence,
      keys,
      augmented_masks: windowOfSamples(to.maskBits, slice),
      augmented_presence: to.presence,
    }
    return {
      shader: 'augment/labels',
      ...(displacement
        ? { entry: 'elastic', bindings: { ...bindings, displacement: windowOfSamples(displacement, slice) } }
        : { bindings }),
      params: {
        ...poseParams(volume, settings),
        words,
        partners: [0, 1, 2, 3].map(s => partners[Math.min(s, partners.length - 1)]!),
        first_structure: firstStructure,
        together: partners.length,
        structures,
        samples: slice.samples,
        first_sample: slice.sample,
      },
      invocations: slice.samples * words,
    }
  })
}

/** All masks of a sample must fit one binding, because a flip exchanges structures. */
function checkBinding(bytes: number, limit: number): void {
  if (bytes > limit) throw new ContractError('augment', "a sample's mask bytes", bytes, `at most ${limit}`)
}

/** Params from which both kernels compute the same pose. */
function poseParams({ height, width, depth }: Pick<Volume, 'height' | 'width' | 'depth'>, settings: AugmentSettings) {
  return {
    size: [height, width, depth],
    flip_axes: settings.flipAxes.reduce((bits, axis) => bits | (1 << axis), 0),
    flip_probability: settings.flipProbability,
    rotation_turns: settings.rotationDegrees / 360,
  }
}

/** Params of noise and scale. */
export function finishParams({ noiseStd, intensityScaleRange: [low, high] }: AugmentSettings) {
  return { noise_std: noiseStd, scale_low: low, scale_high: high }
}

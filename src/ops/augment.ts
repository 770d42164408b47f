import { type Dispatch, kernel, type Lowering } from '../graph/kernel.ts'
import type { Tape } from '../graph/tape.ts'
import { type Precision, slices, type Tensor, windowOf } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { sameShape, type Volume, volumeOf } from '../util/shape.ts'

/** How strongly samples are changed. With zeros and a range of [1, 1] every sample is copied exactly. */
export interface AugmentSettings {
  /** standard deviation of the noise, intensities */
  noiseStd: number
  /** the factor of a sample's intensities is uniform in [low, high) */
  intensityScaleRange: readonly [number, number]
  /** degrees; the angle about each axis is uniform in ± this, independently */
  rotationDegrees: number
  /** of each axis in flipAxes, independently */
  flipProbability: number
  /** of 0 (H, left-right), 1 (W), 2 (D) */
  flipAxes: readonly number[]
  /** for each structure the index of its mirror partner, itself if it has none */
  partner: readonly number[]
  /** of the augmented image; f32 unless given */
  precision?: Precision
}

/** What a training step reads of a batch. */
export interface LabelledImages {
  image: Tensor // (N, C, H, W, D), intensities 0..255
  maskBits: Tensor // (N, S, V/32) u32
  presence: Tensor // (N, S)
}

interface AugmentArgs {
  from: LabelledImages
  keys: Tensor // (N, 4) u32
  to: LabelledImages
  settings: AugmentSettings
}

/** A dispatch of the label kernel reads its mirror partners from one vec4u. */
const STRUCTURES_PER_DISPATCH = 4

/**
 * Augments a batch as documented: flip, rotation about the volume's centre in voxels (trilinear image, nearest masks, outside
 * 0), then on the image noise, scale and clip to [0, 255]. A flip of axis 0 exchanges mirror partners in masks and presence.
 * `keys` holds (seed, epoch, sample index, 0) of each sample; all that happens to a sample follows from its key and the settings.
 * Returns temporaries of the same shapes; no gradient passes. Throws ContractError when shapes or settings do not fit.
 */
export function augment(
  tape: Tape,
  from: LabelledImages & { keys: Tensor },
  settings: AugmentSettings,
): LabelledImages {
  const { image, maskBits, presence, keys } = from
  checkShapes(from, settings)
  checkSettings(settings)
  const to = {
    image: tape.temporary('augmented.image', image.shape, settings.precision),
    maskBits: tape.temporary('augmented.masks', maskBits.shape, 'u32'),
    presence: tape.temporary('augmented.presence', presence.shape),
  }
  const args = { from: { image, maskBits, presence }, keys, to, settings }
  tape.run(augmentImage, args)
  tape.run(augmentLabels, args)
  return to
}

function checkShapes(from: LabelledImages & { keys: Tensor }, settings: AugmentSettings): void {
  const { samples, depth, voxels } = volumeOf(from.image.shape, 'augment')
  const structures = settings.partner.length
  if (depth % 4 !== 0 || voxels % 4096 !== 0)
    throw new ContractError('augment', 'image shape', from.image.shape, 'a depth of 4·n and 4096·m voxels')
  const expected = { maskBits: [samples, structures, voxels / 32], presence: [samples, structures], keys: [samples, 4] }
  for (const name of ['maskBits', 'presence', 'keys'] as const)
    if (!sameShape(from[name].shape, expected[name]))
      throw new ContractError('augment', `${name} shape`, from[name].shape, JSON.stringify(expected[name]))
}

function checkSettings({ partner, flipAxes }: AugmentSettings): void {
  if (partner.some((other, own) => partner[other] !== own))
    throw new ContractError('augment', 'partner', partner, 'each structure to be the partner of its partner')
  if (flipAxes.some(axis => ![0, 1, 2].includes(axis)))
    throw new ContractError('augment', 'flipAxes', flipAxes, 'axes of 0, 1, 2')
}

const augmentImage = kernel<AugmentArgs>('augment.image', ({ from, keys, to, settings }, { facts }) => {
  const { samples, channels, voxels, ...volume } = volumeOf(from.image.shape, 'augment.image')
  return slices(samples, channels, voxels, facts.maxBindingBytes).map(slice => {
    const quads = (slice.samples * slice.channels * voxels) / 4
    return {
      shader: 'augment/image',
      bindings: { image: windowOf(from.image, slice), keys, augmented: windowOf(to.image, slice) },
      params: {
        ...poseParams(volume, settings),
        quads,
        channels: slice.channels,
        first_sample: slice.sample,
        first_channel: slice.channel,
        noise_std: settings.noiseStd,
        scale_low: settings.intensityScaleRange[0],
        scale_high: settings.intensityScaleRange[1],
      },
      invocations: quads,
    }
  })
})

const augmentLabels = kernel<AugmentArgs>('augment.labels', (args, at) => {
  const structures = args.settings.partner.length
  const groups = Math.ceil(structures / STRUCTURES_PER_DISPATCH)
  return Array.from({ length: groups }, (_, group) => labelDispatches(args, at, group * STRUCTURES_PER_DISPATCH)).flat()
})

/** The dispatches that make the labels of up to four structures from `firstStructure` on. */
function labelDispatches(
  { from, keys, to, settings }: AugmentArgs,
  { facts }: Lowering,
  firstStructure: number,
): Dispatch[] {
  const [samples, structures, words] = from.maskBits.shape as [number, number, number]
  if (structures * words * 4 > facts.maxBindingBytes)
    throw new ContractError(
      'augment',
      "a sample's mask bytes",
      structures * words * 4,
      `at most ${facts.maxBindingBytes}`,
    )
  const partners = settings.partner.slice(firstStructure, firstStructure + STRUCTURES_PER_DISPATCH)
  return slices(samples, structures, words, facts.maxBindingBytes).map(slice => ({
    shader: 'augment/labels',
    bindings: {
      masks: windowOf(from.maskBits, slice),
      presence: from.presence,
      keys,
      augmented_masks: windowOf(to.maskBits, slice),
      augmented_presence: to.presence,
    },
    params: {
      ...poseParams(volumeOf(from.image.shape, 'augment.labels'), settings),
      words,
      partners: [0, 1, 2, 3].map(s => partners[Math.min(s, partners.length - 1)]!),
      first_structure: firstStructure,
      together: partners.length,
      structures,
      samples: slice.samples,
      first_sample: slice.sample,
    },
    invocations: slice.samples * words,
  }))
}

/** What both kernels need to find the same pose. */
function poseParams({ height, width, depth }: Pick<Volume, 'height' | 'width' | 'depth'>, settings: AugmentSettings) {
  return {
    size: [height, width, depth],
    flip_axes: settings.flipAxes.reduce((bits, axis) => bits | (1 << axis), 0),
    flip_probability: settings.flipProbability,
    rotation_turns: settings.rotationDegrees / 360,
  }
}

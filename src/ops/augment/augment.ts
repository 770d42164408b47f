import type { Tape } from '../../graph/tape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { ContractError } from '../../util/error.ts'
import { OP_BIAS_FIELD, OP_ELASTIC } from '../../util/random.ts'
import { sameShape, volumeOf } from '../../util/shape.ts'
import { blurAxis, coarsenAxis, finishImage } from './intensity.ts'
import { type LabelledImages, moveImage, moveLabels } from './move.ts'
import { type AugmentSettings, checkSettings, used } from './settings.ts'
import { controlShape, displace, drawControl, latticeOf } from './spline.ts'

interface Batch extends LabelledImages {
  keys: Tensor // (N, 4) u32
}

/**
 * Augments a batch (docs/augmentation.md). One lookup applies flip, rotation about the volume's centre (in voxels) and elastic
 * deformation: trilinear for the image, nearest for masks, 0 outside. The image then gets blur, low resolution, bias field, gamma,
 * noise, scale and clip to [0, 255]. A flip of axis 0 exchanges mirror partners in masks and presence. `keys` holds (seed, epoch,
 * sample index, 0) per sample; key and settings determine a sample's augmentation. Unused operations are not recorded.
 * Returns temporaries of the same shapes, without gradients. Throws ContractError on unsuitable shapes or settings.
 */
export function augment(tape: Tape, from: Batch, settings: AugmentSettings): LabelledImages {
  const { image, maskBits, presence, keys } = from
  checkShapes(from, settings)
  checkSettings(settings)
  const to = {
    image: tape.temporary('augmented.image', image.shape, settings.precision),
    maskBits: tape.temporary('augmented.masks', maskBits.shape, 'u32'),
    presence: tape.temporary('augmented.presence', presence.shape),
  }
  const move = { from: { image, maskBits, presence }, keys, displacement: displacementOf(tape, from, settings) }
  const { blur, lowResolution, biasField, gamma } = settings
  if ([blur, lowResolution, biasField, gamma].some(used)) {
    const moved = tape.temporary('augmented.moved', image.shape)
    const noFinish = { noiseStd: 0, intensityScaleRange: [1, 1] } as const
    tape.run(moveImage, { ...move, to: { ...to, image: moved }, settings: { ...settings, ...noFinish } })
    tape.run(moveLabels, { ...move, to, settings })
    changeIntensities(tape, { from: moved, keys, to: to.image }, settings)
  } else {
    tape.run(moveImage, { ...move, to, settings })
    tape.run(moveLabels, { ...move, to, settings })
  }
  return to
}

/** The elastic displacement of each output voxel, (N, 3, H, W, D) in voxels; undefined without elastic deformation. */
function displacementOf(tape: Tape, { image, keys }: Batch, settings: AugmentSettings): Tensor | undefined {
  const elastic = used(settings.elastic)
  if (!elastic) return undefined
  const { samples, ...volume } = volumeOf(image.shape, 'augment')
  const { spacing, probability, displacement: amplitude } = elastic
  const lattice = latticeOf(volume, [spacing, spacing, spacing])
  const control = tape.temporary('augmented.elastic', controlShape(samples, lattice))
  const displacement = tape.temporary('augmented.displacement', [samples, 3, ...image.shape.slice(2)])
  tape.run(drawControl, { keys, control, operation: OP_ELASTIC, probability, amplitude })
  tape.run(displace, { control, displacement, lattice })
  return displacement
}

interface Change {
  from: Tensor // (N, C, H, W, D)
  keys: Tensor // (N, 4) u32
  to: Tensor // (N, C, H, W, D)
}

/** Intensity augmentation, from blur to clip. */
function changeIntensities(tape: Tape, { from, keys, to }: Change, settings: AugmentSettings): void {
  let image = from
  for (const [name, along] of [
    ['blur', blurAxis],
    ['lowResolution', coarsenAxis],
  ] as const) {
    const strength = used(settings[name])
    if (!strength) continue
    for (const axis of [0, 1, 2]) {
      const next = tape.temporary(`augmented.${name}${axis}`, image.shape)
      tape.run(along, { from: image, keys, to: next, axis, ...strength })
      image = next
    }
  }
  tape.run(finishImage, { from: image, keys, to, bias: biasOf(tape, { from, keys }, settings), settings })
}

/** Control points of the bias field's logarithm, with two spacings along each axis of the volume. */
function biasOf(tape: Tape, { from, keys }: Pick<Change, 'from' | 'keys'>, settings: AugmentSettings) {
  const biasField = used(settings.biasField)
  if (!biasField) return undefined
  const { samples, ...volume } = volumeOf(from.shape, 'augment')
  const lattice = latticeOf(volume, [volume.height / 2, volume.width / 2, volume.depth / 2])
  const control = tape.temporary('augmented.bias', controlShape(samples, lattice))
  const { probability, strength: amplitude } = biasField
  tape.run(drawControl, { keys, control, operation: OP_BIAS_FIELD, probability, amplitude })
  return { control, lattice }
}

function checkShapes(from: Batch, settings: AugmentSettings): void {
  const { samples, depth, voxels } = volumeOf(from.image.shape, 'augment')
  const structures = settings.partner.length
  if (depth % 4 !== 0 || voxels % 4096 !== 0)
    throw new ContractError('augment', 'image shape', from.image.shape, 'a depth of 4·n and 4096·m voxels')
  const expected = { maskBits: [samples, structures, voxels / 32], presence: [samples, structures], keys: [samples, 4] }
  for (const name of ['maskBits', 'presence', 'keys'] as const)
    if (!sameShape(from[name].shape, expected[name]))
      throw new ContractError('augment', `${name} shape`, from[name].shape, JSON.stringify(expected[name]))
}

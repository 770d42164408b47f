import type { Precision } from '../../graph/tensor.ts'
import { ContractError } from '../../util/error.ts'
import { LARGEST_DISPLACEMENT } from '../../util/spline.ts'

/** How often, and how strongly, an operation changes samples. A probability of 0 leaves it out of the step. */
interface Sometimes {
  /** of a sample */
  probability: number
}

interface Ranged extends Sometimes {
  /** what is drawn, uniform in [low, high) unless said otherwise */
  range: readonly [number, number]
}

/** How samples are changed. With zeros, a range of [1, 1] and none of what is optional every sample is copied exactly. */
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
  /**
   * cubic B-splines over control points `spacing` (at least 4) voxels apart, each displaced by up to `displacement` voxels along each axis;
   * at most 0.4 of the spacing, with which nothing folds
   */
  elastic?: Sometimes & { displacement: number; spacing: number }
  /** Gaussian; range: its standard deviation in voxels, of each channel along each axis */
  blur?: Ranged
  /** averages into larger voxels and interpolates; range: how many become one, of each channel along each axis */
  lowResolution?: Ranged
  /** a smooth factor of all channels, whose logarithm stays within ± strength */
  biasField?: Sometimes & { strength: number }
  /** 255 · (x / 255)^γ; range: γ of each channel, its logarithm uniform */
  gamma?: Ranged
  /** of the augmented image; f32 unless given */
  precision?: Precision
}

/** The operation's settings where it is in use. */
export function used<Settings extends Sometimes>(settings: Settings | undefined): Settings | undefined {
  return settings && settings.probability > 0 ? settings : undefined
}

/** Throws ContractError for settings that no kernel could follow. */
export function checkSettings({ partner, flipAxes, elastic }: AugmentSettings): void {
  if (partner.some((other, own) => partner[other] !== own))
    throw new ContractError('augment', 'partner', partner, 'each structure to be the partner of its partner')
  if (flipAxes.some(axis => ![0, 1, 2].includes(axis)))
    throw new ContractError('augment', 'flipAxes', flipAxes, 'axes of 0, 1, 2')
  if (elastic && !(elastic.spacing >= 4 && elastic.displacement <= LARGEST_DISPLACEMENT * elastic.spacing))
    throw new ContractError(
      'augment',
      'elastic',
      elastic,
      'a spacing of at least 4, a displacement of at most 0.4 of it',
    )
}

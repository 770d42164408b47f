import type { Precision } from '../../graph/tensor.ts'
import { ContractError } from '../../util/error.ts'
import { LARGEST_DISPLACEMENT } from '../../util/spline.ts'

/** An operation applied with some probability. At probability 0 it is not recorded. */
interface Sometimes {
  /** per sample */
  probability: number
}

interface Ranged extends Sometimes {
  /** range of the parameter, drawn uniformly from [low, high) unless stated otherwise */
  range: readonly [number, number]
}

/** Augmentation settings. Zeros, a scale range of [1, 1] and no optional operation copy every sample exactly. */
export interface AugmentSettings {
  /** standard deviation of the noise, in intensities */
  noiseStd: number
  /** intensity factor per sample, uniform in [low, high) */
  intensityScaleRange: readonly [number, number]
  /** degrees; the angle about each axis is independent and uniform in ± this */
  rotationDegrees: number
  /** independent for each axis in flipAxes */
  flipProbability: number
  /** axes 0 (H, left-right), 1 (W), 2 (D) */
  flipAxes: readonly number[]
  /** index of each structure's mirror partner; its own index if it has none */
  partner: readonly number[]
  /**
   * Cubic B-splines over control points `spacing` (at least 4) voxels apart, each displaced by up to `displacement` voxels along
   * each axis: at most 0.4 of the spacing, which prevents folding.
   */
  elastic?: Sometimes & { displacement: number; spacing: number }
  /** Gaussian blur; range: standard deviation in voxels, drawn per channel and axis */
  blur?: Ranged
  /** averages into larger voxels and interpolates; range: voxels averaged into one, drawn per channel and axis */
  lowResolution?: Ranged
  /** a smooth factor for all channels, with a logarithm within ± strength */
  biasField?: Sometimes & { strength: number }
  /** 255 · (x / 255)^γ; range: γ, drawn log-uniformly per channel */
  gamma?: Ranged
  /** of the augmented image; f32 by default */
  precision?: Precision
}

/** The settings if the operation is in use, otherwise undefined. */
export function used<Settings extends Sometimes>(settings: Settings | undefined): Settings | undefined {
  return settings && settings.probability > 0 ? settings : undefined
}

/** Throws ContractError on settings that the kernels do not support. */
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

import { kernel } from '../graph/kernel.ts'
import type { Tape } from '../graph/tape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { LARGEST_LIMIT } from './clip.ts'
import { expectElements } from './flat.ts'

/** The state of a loss scale, as the host stores it. The scale is a power of two, so scaling is exact. */
export interface LossScale {
  /** log2 of the scale, at least 0 */
  exponent: number
  /** since the exponent changed */
  updates: number
}

/** 65536, the initial scale of torch.cuda.amp.GradScaler. */
export const INITIAL_LOSS_SCALE: LossScale = { exponent: 16, updates: 0 }

export interface LossScaleSettings {
  /** largest unclipped norm of the unscaled gradient; Infinity disables clipping */
  limit: number
  /** the scale doubles after this many consecutive finite updates */
  interval: number
  /** log2 of the largest scale */
  largest: number
}

/** GradScaler's growth_interval. The largest scale leaves f32 weight gradients a headroom of 2^100. */
export const LOSS_SCALE_GROWTH = { interval: 2000, largest: 24 }

function expectScale(operation: string, scale: Tensor): void {
  expectElements(operation, scale, 2)
  if (scale.dtype !== 'u32') throw new ContractError(operation, 'scale dtype', scale.dtype, 'u32')
}

/**
 * The seed of a scaled backward pass, in place of `seed` (1): seed · scale.
 * @param scale u32 state (2): a LossScale
 * @returns (1)
 */
export function scaledSeed(tape: Tape, seed: Tensor, scale: Tensor): Tensor {
  expectScale('scaledSeed', scale)
  const scaled = tape.temporary('scaled seed', [1])
  tape.run(multiply, { seed, scale, scaled })
  return scaled
}

const multiply = kernel<{ seed: Tensor; scale: Tensor; scaled: Tensor }>('loss_scale.multiply', bindings => [
  { shader: 'optim/loss_scale', entry: 'multiply', bindings, invocations: 1 },
])

/**
 * Removes the scale from the result of `gradientNorm`, in place: the norm is unscaled, and the factor then unscales and clips. Then
 * updates the scale: halved after a non-finite gradient, doubled after `interval` finite ones.
 * @param scale u32 state (2): a LossScale, updated in place
 * @param clip (3) from `gradientNorm`
 * @returns (1): the scale of this gradient
 */
export function advanceLossScale(tape: Tape, scale: Tensor, clip: Tensor, settings: LossScaleSettings): Tensor {
  expectScale('advanceLossScale', scale)
  const used = tape.temporary('loss scale', [1])
  tape.run(advance, { scale, clip, used, settings })
  return used
}

interface Advance {
  scale: Tensor
  clip: Tensor
  used: Tensor
  settings: LossScaleSettings
}

const advance = kernel<Advance>('loss_scale.advance', ({ scale, clip, used, settings }) => [
  {
    shader: 'optim/loss_scale',
    entry: 'advance',
    bindings: { state: scale, clip, used },
    params: { ...settings, limit: Math.min(settings.limit, LARGEST_LIMIT) },
    invocations: 1,
  },
])

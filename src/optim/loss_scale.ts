import { kernel } from '../graph/kernel.ts'
import type { Tape } from '../graph/tape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { LARGEST_LIMIT } from './clip.ts'
import { expectElements } from './flat.ts'

/** How a loss scale stands, as the host keeps it. The scale is a power of two, so that scaling rounds nothing. */
export interface LossScale {
  /** log2 of the scale; 0 is the least */
  exponent: number
  /** since the exponent changed */
  updates: number
}

/** 65536, as torch.cuda.amp.GradScaler begins. */
export const INITIAL_LOSS_SCALE: LossScale = { exponent: 16, updates: 0 }

export interface LossScaleSettings {
  /** largest norm of the gradient without its scale that is left as it is; Infinity clips nothing */
  limit: number
  /** good updates in a row after which the scale doubles */
  interval: number
  /** log2 of the largest scale */
  largest: number
}

/** GradScaler's growth_interval; the largest scale leaves f32 weight gradients 100 binary orders of room. */
export const LOSS_SCALE_GROWTH = { interval: 2000, largest: 24 }

function expectScale(operation: string, scale: Tensor): void {
  expectElements(operation, scale, 2)
  if (scale.dtype !== 'u32') throw new ContractError(operation, 'scale dtype', scale.dtype, 'u32')
}

/**
 * What to differentiate a loss by in place of `seed` (1): seed · scale.
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
 * Takes the scale out of what `gradientNorm` found of a scaled gradient, in place: the norm, and the factor, which then unscales as
 * well as clips. Then moves the scale: halved after a gradient that was not finite, doubled after `interval` that were.
 * @param scale u32 state (2): a LossScale, updated in place
 * @param clip (3) as `gradientNorm` gives it
 * @returns (1): the scale that this gradient had
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

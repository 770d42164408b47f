import { type Dispatch, kernel } from '../graph/kernel.ts'
import type { Tape } from '../graph/tape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type Run, runsOf, runWindow } from '../ops/runs.ts'
import { gridInvocations } from '../ops/work.ts'
import { ContractError } from '../util/error.ts'
import { expectElements } from './flat.ts'

export interface AdamTensors {
  /** flat, of kind 'parameter' */
  parameter: Tensor
  /** flat, with the layout of the parameters */
  gradient: Tensor
  /** running mean of the gradient, flat state */
  firstMoment: Tensor
  /** running mean of the squared gradient, flat state */
  secondMoment: Tensor
  /** u32 state (2): updates done (torch's `step`), updates skipped */
  counts: Tensor
  /** input (1), written by the host */
  learningRate: Tensor
  /** (3) from `gradientNorm` */
  clip: Tensor
}

export interface AdamSettings {
  /** adamw decays the parameters, adam adds the decay to the gradient (L2), as in torch.optim */
  type: 'adamw' | 'adam'
  betas: readonly [number, number]
  epsilon: number
  weightDecay: number
  /** number of elements to update, from the first */
  elements: number
}

/**
 * One in-place update by Adam or AdamW, equal to torch.optim's. A non-finite gradient (according to `clip`) leaves parameters,
 * moments and the update count unchanged and counts as skipped.
 */
export function adam(tape: Tape, tensors: AdamTensors, settings: AdamSettings): void {
  const { parameter, gradient, firstMoment, secondMoment, counts } = tensors
  for (const flat of [parameter, gradient, firstMoment, secondMoment]) expectElements('adam', flat, settings.elements)
  expectElements('adam', counts, 2)
  if (counts.dtype !== 'u32') throw new ContractError('adam', 'counts dtype', counts.dtype, 'u32')
  tape.run(update, { tensors, settings })
}

/** Values that adam_advance computes for adam. */
const STEP_NUMBERS = 5

const update = kernel<{ tensors: AdamTensors; settings: AdamSettings }>(
  'adam',
  ({ tensors, settings }, { facts, scratch }) => {
    const step = scratch('step', [STEP_NUMBERS])
    const runs = runsOf(settings.elements, 1, facts.maxBindingBytes)
    return [advance(tensors, settings, step), ...runs.map(run => updateRun(tensors, settings, step, run))]
  },
)

function advance({ clip, learningRate, counts }: AdamTensors, settings: AdamSettings, step: Tensor): Dispatch {
  return {
    shader: 'optim/adam_advance',
    bindings: { clip, learning_rate: learningRate, counts, step },
    params: {
      log_beta1: Math.log(settings.betas[0]),
      log_beta2: Math.log(settings.betas[1]),
      decay: settings.type === 'adamw' ? settings.weightDecay : 0,
    },
    invocations: 1,
  }
}

function updateRun(tensors: AdamTensors, settings: AdamSettings, step: Tensor, run: Run): Dispatch {
  const [beta1, beta2] = settings.betas
  return {
    shader: 'optim/adam',
    bindings: {
      step,
      gradient: runWindow(tensors.gradient, run),
      parameter: runWindow(tensors.parameter, run),
      first_moment: runWindow(tensors.firstMoment, run),
      second_moment: runWindow(tensors.secondMoment, run),
    },
    params: {
      elements: run.length,
      beta1_complement: 1 - beta1,
      beta2,
      beta2_complement: 1 - beta2,
      epsilon: settings.epsilon,
      gradient_decay: settings.type === 'adam' ? settings.weightDecay : 0,
    },
    invocations: gridInvocations(run.length),
  }
}

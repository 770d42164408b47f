import {
  type AdapterFacts,
  type Dispatch,
  type Kernel,
  kernel,
  type Lowering,
  type Normalisation,
} from '../graph/kernel.ts'
import type { GradientTarget, Tape } from '../graph/tape.ts'
import { slices, type Tensor, windowOf } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { volumeOf } from '../util/shape.ts'
import { elementwiseCut, planesOf, reductionCut, spansOf, workgroupEach } from './work.ts'

export interface BatchNormParameters {
  weight: Tensor // (C)
  bias: Tensor // (C)
  runningMean: Tensor // (C)
  runningVar: Tensor // (C)
}

/** Mean and variance of a batch. */
export interface BatchStatistics {
  mean: Tensor // (C)
  /** unbiased, as the running variance takes it */
  variance: Tensor // (C)
}

export type BatchNormMode = { training: true; statistics: BatchStatistics } | { training: false }

/** What forward and backward share. */
interface Normalised extends Normalisation {
  x: Tensor // (N, C, H, W, D)
  training: boolean
}

/**
 * Batch normalisation of x (N, C, H, W, D) over samples and voxels, with a ReLU after it when asked for. In training the batch's
 * mean and biased variance normalise, and mean and unbiased variance are left in `mode.statistics` for the running statistics;
 * otherwise the running statistics normalise. Throws ContractError when training on a single value a channel.
 */
export function batchNorm(
  tape: Tape,
  x: Tensor,
  p: BatchNormParameters,
  mode: BatchNormMode,
  options: { relu?: boolean } = {},
): Tensor {
  const { samples, channels, voxels } = volumeOf(x.shape, 'batchNorm')
  for (const t of [p.weight, p.bias, p.runningMean, p.runningVar])
    if (t.shape.length !== 1 || t.shape[0] !== channels)
      throw new ContractError('batchNorm', `shape of ${t.name}`, t.shape, `(${channels})`)
  if (mode.training && samples * voxels < 2)
    throw new ContractError('batchNorm', 'shape', x.shape, 'at least 2 values a channel')
  const { training } = mode
  const coefficients = tape.temporary('batchNorm.coefficients', [channels, 4])
  const { weight, bias } = p
  if (training) tape.run(batchCoefficients, { x, weight, bias, ...mode.statistics, coefficients })
  else tape.run(runningCoefficients, { weight, bias, mean: p.runningMean, variance: p.runningVar, coefficients })

  const of = { x, coefficients, training, relu: options.relu ?? false }
  const y = tape.temporary('batchNorm', x.shape, x.dtype)
  tape.run(normalise, { ...of, y })
  tape.backwardJointly(
    y,
    [weight, bias, x],
    (dOutput, [dWeight, dBias, dInput]) => {
      const sums = tape.temporary('batchNorm.sums', [channels, 2])
      tape.run(gradientReduction, { ...of, dOutput, sums, ...(dWeight && { dWeight }), ...(dBias && { dBias }) })
      if (dInput) tape.run(inputGradient, { ...of, dOutput, sums, into: dInput })
    },
    x,
  )
  return y
}

interface GradientReduction extends Normalised {
  dOutput: Tensor // (N, C, H, W, D)
  sums: Tensor // (C, 2) (Σ dy, Σ dy · x̂)
  dWeight?: GradientTarget
  dBias?: GradientTarget
}

/** Slices of x that fit a binding, each with its planes. */
function slicesOf(x: Tensor, facts: AdapterFacts) {
  const { samples, channels, voxels } = volumeOf(x.shape, 'batchNorm')
  return slices(samples, channels, voxels, facts.maxBindingBytes, x.dtype).map(slice => ({
    slice,
    planes: planesOf(slice, channels),
  }))
}

/** What normalises a channel, from its statistics. */
interface Coefficients extends BatchStatistics {
  weight: Tensor // (C)
  bias: Tensor // (C)
  coefficients: Tensor // (C, 4)
}

const runningCoefficients = kernel('batchNorm.running', (of: Coefficients): Dispatch[] => {
  const channels = of.weight.shape[0]!
  return [{ shader: 'batch_norm/running', bindings: { ...of }, params: { channels }, invocations: channels }]
})

const batchCoefficients = kernel('batchNorm.statistics', (of: Coefficients & { x: Tensor }, at): Dispatch[] => {
  const { x, ...results } = of
  const { samples, channels, voxels } = volumeOf(x.shape, 'batchNorm')
  const cut = reductionCut(samples * channels, voxels, 8, at.facts)
  const partials = at.scratch('partials', [samples, channels, cut[3], 2])
  const spans = slicesOf(x, at.facts).map(
    ({ slice, planes }): Dispatch => ({
      shader: 'batch_norm/statistics',
      bindings: { x: windowOf(x, slice), partials },
      ...spansOf(cut, planes),
    }),
  )
  const merge: Dispatch = {
    shader: 'batch_norm/merge',
    bindings: { partials, ...results },
    params: { ...spansOf(cut, { planes: samples * channels, channels }).params, samples },
    workgroups: workgroupEach(channels),
  }
  return [...spans, merge]
})

function lowerNormalise({ x, y, coefficients, relu }: Normalised & { y: Tensor }, { facts }: Lowering): Dispatch[] {
  const cut = elementwiseCut(volumeOf(x.shape, 'batchNorm').voxels, facts)
  return slicesOf(x, facts).map(({ slice, planes }) => ({
    shader: 'batch_norm/normalise',
    bindings: { x: windowOf(x, slice), y: windowOf(y, slice) },
    normalisation: { coefficients, relu },
    ...spansOf(cut, planes),
  }))
}

/** Its readers can do what it does as they load. */
const normalise: Kernel<Normalised & { y: Tensor }> = {
  ...kernel('batchNorm.normalise', lowerNormalise),
  defers: ({ x, y, coefficients, relu }) => ({
    result: y,
    source: { tensor: x, normalisation: { coefficients, relu } },
  }),
}

const gradientReduction = kernel('batchNorm.sums', (of: GradientReduction, at: Lowering): Dispatch[] => {
  const { samples, channels, voxels } = volumeOf(of.x.shape, 'batchNorm')
  const { x, dOutput, coefficients, sums } = of
  const cut = reductionCut(samples * channels, voxels, 8, at.facts)
  const partials = at.scratch('partials', [samples, channels, cut[3], 2])
  const spans = slicesOf(of.x, at.facts).map(
    ({ slice, planes }): Dispatch => ({
      shader: 'batch_norm/gradient_sums',
      bindings: { x: windowOf(x, slice), d_output: windowOf(dOutput, slice), coefficients, partials },
      constants: { RELU: Number(of.relu) },
      ...spansOf(cut, planes),
    }),
  )
  // The kernel writes both; a gradient that is not needed goes to scratch memory.
  const dWeight = of.dWeight ?? { tensor: at.scratch('weight', [channels]), accumulate: false }
  const dBias = of.dBias ?? { tensor: at.scratch('bias', [channels]), accumulate: false }
  const merge: Dispatch = {
    shader: 'batch_norm/gradient_merge',
    bindings: { partials, sums, d_weight: dWeight.tensor, d_bias: dBias.tensor },
    params: { ...spansOf(cut, { planes: samples * channels, channels }).params, samples },
    constants: { ACCUMULATE_WEIGHT: Number(dWeight.accumulate), ACCUMULATE_BIAS: Number(dBias.accumulate) },
    workgroups: workgroupEach(channels),
  }
  return [...spans, merge]
})

interface InputGradient extends Normalised {
  dOutput: Tensor // (N, C, H, W, D)
  sums: Tensor // (C, 2)
  into: GradientTarget // (N, C, H, W, D)
}

const inputGradient = kernel('batchNorm.inputGradient', (of: InputGradient, { facts }): Dispatch[] => {
  const { samples, voxels } = volumeOf(of.x.shape, 'batchNorm')
  const { coefficients, sums } = of
  const cut = elementwiseCut(voxels, facts)
  const share = of.training ? 1 / (samples * voxels) : 0
  return slicesOf(of.x, facts).map(({ slice, planes }) => {
    const { params, invocations } = spansOf(cut, planes)
    const bindings = { x: windowOf(of.x, slice), coefficients, sums, d_input: windowOf(of.into.tensor, slice) }
    return {
      shader: 'batch_norm/input_gradient',
      ...(of.into.tensor === of.dOutput
        ? { entry: 'in_place', bindings }
        : { entry: 'apart', bindings: { ...bindings, d_output: windowOf(of.dOutput, slice) } }),
      params: { ...params, share },
      constants: { RELU: Number(of.relu), ACCUMULATE: Number(of.into.accumulate) },
      invocations,
    }
  })
})

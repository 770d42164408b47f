import { type AdapterFacts, type Dispatch, kernel, type Lowering } from '../graph/kernel.ts'
import type { GradientTarget, Tape } from '../graph/tape.ts'
import { type Slice, slices, type Tensor, windowOf } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { volumeOf } from '../util/shape.ts'
import { elementwiseCut, reductionCut, workgroupEach } from './span.ts'

const EPSILON = 1e-5

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

/** What forward and backward share: the input, the affine parameters and the statistics that normalise. */
interface Normalisation extends BatchStatistics {
  x: Tensor // (N, C, H, W, D)
  weight: Tensor // (C)
  bias: Tensor // (C)
  training: boolean
  relu: boolean
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
  const statistics = mode.training ? mode.statistics : { mean: p.runningMean, variance: p.runningVar }
  const { training } = mode
  const of = { x, weight: p.weight, bias: p.bias, ...statistics, training, relu: options.relu ?? false }

  const y = tape.temporary('batchNorm', x.shape, x.dtype)
  if (training) tape.run(batchStatistics, of)
  tape.run(normalise, { ...of, y })
  const sums = sharedReduction(tape, of)
  tape.backward(y, [
    [
      p.weight,
      (dOutput, into) => {
        sums(dOutput).dWeight = into
      },
    ],
    [
      p.bias,
      (dOutput, into) => {
        sums(dOutput).dBias = into
      },
    ],
    [x, (dOutput, into) => tape.run(inputGradient, { ...of, dOutput, sums: sums(dOutput).sums, into })],
  ])
  return y
}

interface GradientReduction extends Normalisation {
  dOutput: Tensor // (N, C, H, W, D)
  sums: Tensor // (C, 2) (Σ dy, Σ dy · x̂)
  dWeight?: GradientTarget
  dBias?: GradientTarget
}

/**
 * Records the reduction that d(weight), d(bias) and d(x) share once for each gradient of the output. A call is lowered after the
 * whole walk, so a thunk that comes later may still name its target in the call's arguments.
 */
function sharedReduction(tape: Tape, of: Normalisation): (dOutput: Tensor) => GradientReduction {
  const recorded = new Map<Tensor, GradientReduction>()
  return dOutput => {
    let call = recorded.get(dOutput)
    if (!call) {
      call = { ...of, dOutput, sums: tape.temporary('batchNorm.sums', [of.weight.shape[0]!, 2]) }
      recorded.set(dOutput, call)
      tape.run(gradientReduction, call)
    }
    return call
  }
}

/** Slices of x that fit a binding, each with the parameters that tell a kernel which channels it sees. */
function slicesOf(of: Normalisation, facts: AdapterFacts): { slice: Slice; planes: number; plane: number }[] {
  const { samples, channels, voxels } = volumeOf(of.x.shape, 'batchNorm')
  return slices(samples, channels, voxels, facts.maxBindingBytes, of.x.dtype).map(slice => ({
    slice,
    planes: slice.samples * slice.channels,
    plane: slice.sample * channels + slice.channel,
  }))
}

/** (n − 1) / n where the variance at hand is the unbiased one of the batch. */
function normalisationParams(of: Normalisation, slice: Slice) {
  const { samples, voxels } = volumeOf(of.x.shape, 'batchNorm')
  const count = samples * voxels
  const correction = of.training ? (count - 1) / count : 1
  return { channel: slice.channel, channels: slice.channels, correction, epsilon: EPSILON }
}

const batchStatistics = kernel('batchNorm.statistics', (of: Normalisation, { facts, scratch }): Dispatch[] => {
  const { samples, channels, voxels } = volumeOf(of.x.shape, 'batchNorm')
  const cut = reductionCut(samples * channels, voxels, 8, facts)
  const parts = cut[3]
  const partials = scratch('partials', [samples, channels, parts, 2])
  const spans = slicesOf(of, facts).map(({ slice, planes, plane }): Dispatch => {
    const invocations = planes * parts
    return {
      shader: 'batch_norm/statistics',
      bindings: { x: windowOf(of.x, slice), partials },
      params: { cut, invocations, part: plane * parts },
      invocations,
    }
  })
  const merge: Dispatch = {
    shader: 'batch_norm/merge',
    bindings: { partials, mean: of.mean, variance: of.variance },
    params: { cut, samples, channels },
    workgroups: workgroupEach(channels),
  }
  return [...spans, merge]
})

const normalise = kernel('batchNorm.normalise', (of: Normalisation & { y: Tensor }, { facts }): Dispatch[] => {
  const { x, y, weight, bias, mean, variance } = of
  const cut = elementwiseCut(volumeOf(x.shape, 'batchNorm').voxels, facts)
  return slicesOf(of, facts).map(({ slice, planes }) => {
    const invocations = planes * cut[3]
    return {
      shader: 'batch_norm/normalise',
      bindings: { x: windowOf(x, slice), weight, bias, mean, variance, y: windowOf(y, slice) },
      params: { cut, invocations, ...normalisationParams(of, slice) },
      constants: { RELU: Number(of.relu) },
      invocations,
    }
  })
})

const gradientReduction = kernel('batchNorm.sums', (of: GradientReduction, at: Lowering): Dispatch[] => {
  const { samples, channels, voxels } = volumeOf(of.x.shape, 'batchNorm')
  const { x, dOutput, weight, bias, mean, variance, sums } = of
  const cut = reductionCut(samples * channels, voxels, 8, at.facts)
  const parts = cut[3]
  const partials = at.scratch('partials', [samples, channels, parts, 2])
  const spans = slicesOf(of, at.facts).map(({ slice, planes, plane }): Dispatch => {
    const invocations = planes * parts
    const large = { x: windowOf(x, slice), d_output: windowOf(dOutput, slice) }
    return {
      shader: 'batch_norm/gradient_sums',
      bindings: { ...large, weight, bias, mean, variance, partials },
      params: { cut, invocations, part: plane * parts, ...normalisationParams(of, slice) },
      constants: { RELU: Number(of.relu) },
      invocations,
    }
  })
  // A gradient nobody asked for is written aside.
  const dWeight = of.dWeight ?? { tensor: at.scratch('weight', [channels]), accumulate: false }
  const dBias = of.dBias ?? { tensor: at.scratch('bias', [channels]), accumulate: false }
  const merge: Dispatch = {
    shader: 'batch_norm/gradient_merge',
    bindings: { partials, sums, d_weight: dWeight.tensor, d_bias: dBias.tensor },
    params: { samples, channels, parts },
    constants: { ACCUMULATE_WEIGHT: Number(dWeight.accumulate), ACCUMULATE_BIAS: Number(dBias.accumulate) },
    workgroups: workgroupEach(channels),
  }
  return [...spans, merge]
})

interface InputGradient extends Normalisation {
  dOutput: Tensor // (N, C, H, W, D)
  sums: Tensor // (C, 2)
  into: GradientTarget // (N, C, H, W, D)
}

const inputGradient = kernel('batchNorm.inputGradient', (of: InputGradient, { facts }): Dispatch[] => {
  const { samples, voxels } = volumeOf(of.x.shape, 'batchNorm')
  const { weight, bias, mean, variance, sums } = of
  const cut = elementwiseCut(voxels, facts)
  const share = of.training ? 1 / (samples * voxels) : 0
  return slicesOf(of, facts).map(({ slice, planes }) => {
    const invocations = planes * cut[3]
    const large = { x: windowOf(of.x, slice), d_output: windowOf(of.dOutput, slice) }
    return {
      shader: 'batch_norm/input_gradient',
      bindings: { ...large, weight, bias, mean, variance, sums, d_input: windowOf(of.into.tensor, slice) },
      params: { cut, invocations, share, ...normalisationParams(of, slice) },
      constants: { RELU: Number(of.relu), ACCUMULATE: Number(of.into.accumulate) },
      invocations,
    }
  })
})

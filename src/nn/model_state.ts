import { Arena } from '../graph/arena.ts'
import type { Tape } from '../graph/tape.ts'
import { type Tensor, tensor, WINDOW_ALIGNMENT } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import type { Shape } from '../util/shape.ts'
import { type Entry, featuresOf, type SadaanShape, specify } from './specification.ts'

/** The tensors of one batch norm: parameters, running statistics, and the batch statistics of a training step. */
export interface BatchNormState {
  weight: Tensor // (C)
  bias: Tensor // (C)
  runningMean: Tensor // (C)
  runningVar: Tensor // (C)
  batchMean: Tensor // (C)
  /** unbiased */
  batchVar: Tensor // (C)
}

/** All presence MLPs as one block: row s holds the six tensors of structure s at fixed offsets. */
export interface ClassifierBlock {
  tensor: Tensor // (S, stride)
  /** weight and bias of layers 0, 3 and 5, in elements from the start of a row */
  offsets: readonly [number, number, number, number, number, number]
}

/**
 * Everything in a SADAAN that outlives a step, as symbolic tensors. Parameters and gradients are in arenas of equal layout; frozen
 * parameters come last, so that the trained ones are contiguous. Running and batch statistics are in two more arenas.
 */
export class ModelState {
  readonly shape: SadaanShape
  readonly entries: readonly Entry[]
  readonly parameters = new Arena('parameters', 'parameter')
  readonly gradients = new Arena('gradients', 'gradient')
  /** factor of the gradients, a LossScale; used only with f16 activations */
  readonly lossScale = tensor('loss scale', [2], 'state', 'u32')
  readonly running = new Arena('running statistics', 'state')
  readonly batch = new Arena('batch statistics', 'state')
  /** number of batches in the running statistics; one counter for all norms */
  readonly batchesTracked = tensor('num_batches_tracked', [1], 'state', 'u32')
  /** final_conv's weight as the matrix that maps the mean of d1 to the mean of F */
  readonly finalMatrix: Tensor // (features, channels[0])
  readonly classifiers: ClassifierBlock
  private readonly byName = new Map<string, Tensor>()
  private readonly gradientOf = new Map<Tensor, Tensor>()
  private readonly batchOf = new Map<Tensor, Tensor>()

  constructor(shape: SadaanShape) {
    this.shape = shape
    this.entries = specify(shape)
    for (const { name, shape: axes } of this.entries.filter(({ role }) => role === 'trained')) {
      const parameter = this.parameters.add(name, axes)
      this.byName.set(name, parameter)
      this.gradientOf.set(parameter, this.gradients.add(`d(${name})`, axes))
    }
    for (const { name, shape: axes } of this.entries.filter(({ role }) => role === 'frozen'))
      this.byName.set(name, this.parameters.add(name, axes))
    for (const { name, shape: axes } of this.entries.filter(({ role }) => role.startsWith('running'))) {
      const running = this.running.add(name, axes)
      this.byName.set(name, running)
      this.batchOf.set(running, this.batch.add(`batch ${name}`, axes))
    }
    this.finalMatrix = this.view('encoder.final_conv.weight', [featuresOf(shape), shape.channels[0]])
    this.classifiers = this.classifierBlock()
  }

  /** The tensor of a state dict entry, except num_batches_tracked. Throws ContractError on an unknown name. */
  tensor(name: string): Tensor {
    const found = this.byName.get(name)
    if (!found) throw new ContractError('state dict', 'entry', name, 'one of this model')
    return found
  }

  /** A parameter and its gradient, viewed with another shape. */
  private view(name: string, shape: Shape): Tensor {
    const whole = this.tensor(name)
    const viewed = this.parameters.view(name, whole, shape)
    const gradient = this.gradientOf.get(whole)
    if (gradient) this.gradientOf.set(viewed, this.gradients.view(`d(${name})`, gradient, shape))
    return viewed
  }

  batchNorm(name: string): BatchNormState {
    const runningMean = this.tensor(`${name}.running_mean`)
    const runningVar = this.tensor(`${name}.running_var`)
    return {
      weight: this.tensor(`${name}.weight`),
      bias: this.tensor(`${name}.bias`),
      runningMean,
      runningVar,
      batchMean: this.batchOf.get(runningMean)!,
      batchVar: this.batchOf.get(runningVar)!,
    }
  }

  private classifierBlock(): ClassifierBlock {
    const name = (s: number, layer: number, part: string): string =>
      `absence_detector.absence_classifiers.${s}.${layer}.${part}`
    const at = (s: number, layer: number, part: string): number =>
      this.parameters.offsetOf(this.tensor(name(s, layer, part)))
    const start = at(0, 0, 'weight')
    const offset = (layer: number, part: string): number => at(0, layer, part) - start
    const offsets = [0, 3, 5].flatMap(layer => [offset(layer, 'weight'), offset(layer, 'bias')])
    const last = this.tensor(name(0, 5, 'bias'))
    const end = this.parameters.offsetOf(last) - start + WINDOW_ALIGNMENT // room for the last bias
    const stride = this.shape.structures > 1 ? at(1, 0, 'weight') - start : end
    const first = name(0, 0, 'weight')
    return {
      tensor: this.view(first, [this.shape.structures, stride]),
      offsets: offsets as unknown as ClassifierBlock['offsets'],
    }
  }

  /** Requests the gradients of all trained parameters. */
  watch(tape: Tape): void {
    for (const [parameter, gradient] of this.gradientOf) tape.watch(parameter, gradient)
  }
}

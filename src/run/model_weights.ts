import type { TorchTensor } from '../checkpoint/pickle/torch_tensor.ts'
import type { AdamState, OptimizerState } from '../checkpoint/torch_optimizer.ts'
import type { Config } from '../config/schema.ts'
import { type Initialisation, initialValues } from '../nn/initialise.ts'
import type { ModelState } from '../nn/model_state.ts'
import { isParameter, type SadaanShape, specify, widthsText } from '../nn/specification.ts'
import type { LossScale } from '../optim/loss_scale.ts'
import type { Storage } from '../plan/storage.ts'
import { InputError } from '../util/error.ts'
import { type Shape, sizeOf } from '../util/shape.ts'
import type { OptimizerMemory } from './optimizer_memory.ts'
import { checkUsable } from './weight_faults.ts'

/** A model on the host: the entries of its state dict by name, in the original's order. */
export type Weights = ReadonlyMap<string, TorchTensor>

/** Parameters and buffers as views into the copy. */
export function modelOf(
  state: ModelState,
  { parameters, running, batchesTracked }: PackedModel,
): Map<string, TorchTensor> {
  const tracked = BigInt(batchesTracked)
  return new Map(
    state.entries.map(({ name, shape, role }): [string, TorchTensor] => {
      if (role === 'num_batches_tracked') return [name, { dtype: 'i64', shape: [], data: BigInt64Array.of(tracked) }]
      const [arena, values] = role.startsWith('running') ? [state.running, running] : [state.parameters, parameters]
      const start = arena.offsetOf(state.tensor(name))
      return [name, { dtype: 'f32', shape, data: values.subarray(start, start + sizeOf(shape)) }]
    }),
  )
}

export function initialisationOf({ seed, model }: Config): Initialisation {
  return { seed, maskPrior: model.mask_prior }
}

/** A new model. */
export function writeInitial(storage: Storage, state: ModelState, initialisation: Initialisation): void {
  state.entries.forEach((entry, index) => {
    if (entry.role === 'num_batches_tracked') return
    storage.write(state.tensor(entry.name), initialValues(entry, index, initialisation))
  })
}

/** A model in the layout of the arenas of a state, padding included. */
export type PackedModel = Pick<DeviceState, 'parameters' | 'running' | 'batchesTracked'>

/** Throws InputError as `floatsOf` does. */
export function packModel(state: ModelState, weights: Weights, source: string): PackedModel {
  const parameters = new Float32Array(state.parameters.length)
  const running = new Float32Array(state.running.length)
  for (const [name, { data }] of floatsOf(state.shape, weights, source)) {
    const t = state.tensor(name)
    const [arena, values] = state.parameters.has(t) ? [state.parameters, parameters] : [state.running, running]
    values.set(data, arena.offsetOf(t))
  }
  const tracked = state.entries.find(({ role }) => role === 'num_batches_tracked')!
  return { parameters, running, batchesTracked: Number(weights.get(tracked.name)?.data[0] ?? 0) }
}

/** Queues a copy of a model to the GPU; later submits run it. */
export function writePacked(storage: Storage, state: ModelState, model: PackedModel): void {
  storage.writeArena(state.parameters, model.parameters)
  storage.writeArena(state.running, model.running)
  storage.write(state.batchesTracked, Uint32Array.of(model.batchesTracked))
}

/** Loads a model. Throws InputError as `floatsOf` does, and then writes nothing. */
export function writeModel(storage: Storage, state: ModelState, weights: Weights, source: string): void {
  writePacked(storage, state, packModel(state, weights, source))
}

/** As `writeModel`, but without num_batches_tracked, which an average shares with the model that is trained. */
export function writeAverage(storage: Storage, state: ModelState, weights: Weights, source: string): void {
  const { parameters, running } = packModel(state, weights, source)
  storage.writeArena(state.parameters, parameters)
  storage.writeArena(state.running, running)
}

/**
 * The entries of a SADAAN as float32, by name and in the original's order, without num_batches_tracked. If an entry is missing or has
 * another shape or is useless (`checkUsable`), throws an InputError that names `source`, the entry and what was expected.
 */
export function floatsOf(
  shape: SadaanShape,
  weights: Weights,
  source: string,
): Map<string, { shape: Shape; data: Float32Array }> {
  const floats = specify(shape).filter(({ role }) => role !== 'num_batches_tracked')
  const found = new Map(
    floats.map(({ name, shape: axes }): [string, { shape: Shape; data: Float32Array }] => {
      const given = weights.get(name)
      if (!given) throw new InputError(`${source}: no ${name}, expected a SADAAN of ${describe(shape)}`)
      if (given.shape.join() !== axes.join())
        throw new InputError(
          `${source}: ${name} is (${given.shape.join(', ')}), expected (${axes.join(', ')}) for ${describe(shape)}`,
        )
      const data = given.dtype === 'f32' ? given.data : Float32Array.from<number | bigint>(given.data, Number)
      return [name, { shape: axes, data }]
    }),
  )
  checkUsable(
    [...found].map(([name, { data }]) => [name, data]),
    source,
  )
  return found
}

function describe(shape: SadaanShape): string {
  const { structures, size, inChannels } = shape
  return `${structures} structures, ${size.join('×')} voxels, ${widthsText(shape)}, ${inChannels} input`
}

/** torch's index of each parameter: its position in model.parameters(), frozen parameters included. */
function torchIndices(state: ModelState): { name: string; index: number; trained: boolean }[] {
  return state.entries
    .filter(isParameter)
    .map(({ name, role }, index) => ({ name, index, trained: role === 'trained' }))
}

/** What training keeps on the device. */
export interface TrainingMemory {
  storage: Storage
  state: ModelState
  optimizer: OptimizerMemory
}

/** Adam's state as in torch's optimizer_state_dict, as views into the copy. Parameters without a gradient have none. */
export function optimizerOf(
  { state, optimizer }: Pick<TrainingMemory, 'state' | 'optimizer'>,
  { first, second, step }: DeviceState,
  config: Config,
  learningRate: number,
): OptimizerState {
  const indices = torchIndices(state)
  const states = new Map<number, AdamState>()
  for (const { name, index, trained } of indices) {
    if (!trained || step === 0) continue
    const moments = optimizer.momentsOf(name, first, second)
    const { shape } = state.tensor(name)
    states.set(index, {
      step,
      exp_avg: { dtype: 'f32', shape, data: moments.first },
      exp_avg_sq: { dtype: 'f32', shape, data: moments.second },
    })
  }
  const { betas, eps, weight_decay, type } = config.optimizer
  const group = {
    lr: learningRate,
    betas,
    eps,
    weight_decay,
    decoupled_weight_decay: type === 'adamw',
    initial_lr: config.training.learning_rate,
    params: indices.map(({ index }) => index),
  }
  return { state: states, group }
}

/** Loads Adam's state. Throws InputError if it belongs to another model or is not finite. */
export function writeOptimizer(
  { storage, state, optimizer }: TrainingMemory,
  { state: states }: OptimizerState,
  skipped: number,
  source: string,
): void {
  const first = new Float32Array(optimizer.first.length)
  const second = new Float32Array(optimizer.second.length)
  let step = 0
  for (const { name, index, trained } of torchIndices(state)) {
    const own = states.get(index)
    if (!trained || !own) continue
    const moments = optimizer.momentsOf(name, first, second)
    if (own.exp_avg.data.length !== moments.first.length)
      throw new InputError(
        `${source}: optimiser state ${index} has ${own.exp_avg.data.length} elements, expected ${moments.first.length} of ${name}`,
      )
    moments.first.set(own.exp_avg.data as ArrayLike<number> as Float32Array)
    moments.second.set(own.exp_avg_sq.data as ArrayLike<number> as Float32Array)
    checkUsable([[`exp_avg of ${name}`, moments.first]], source)
    checkUsable([[`exp_avg_sq of ${name}`, moments.second]], source)
    step = Math.max(step, own.step)
  }
  storage.writeArena(optimizer.first, first)
  storage.writeArena(optimizer.second, second)
  storage.write(optimizer.counts, Uint32Array.of(step, skipped))
}

/** Sets the loss scale. Only f16 activations have one. */
export function writeLossScale(storage: Storage, state: ModelState, { compute }: Config, scale: LossScale): void {
  if (compute.precision === 'f16') storage.write(state.lossScale, Uint32Array.of(scale.exponent, scale.updates))
}

/** A host copy of the training state on the GPU. No two arrays share a buffer. */
export interface DeviceState {
  /** in the layout of their arenas, padding included */
  parameters: Float32Array<ArrayBuffer>
  running: Float32Array<ArrayBuffer>
  /** their averages; undefined without a moving average */
  averaged: { parameters: Float32Array<ArrayBuffer>; running: Float32Array<ArrayBuffer> } | undefined
  first: Float32Array<ArrayBuffer>
  second: Float32Array<ArrayBuffer>
  batchesTracked: number
  /** updates applied, and updates skipped because the gradient was not finite */
  step: number
  skipped: number
  /** undefined for f32 activations, which need none */
  lossScale: LossScale | undefined
}

import type { Config } from '../config/schema.ts'
import { readBuffer } from '../gpu/buffers.ts'
import type { Device } from '../gpu/device.ts'
import { Pipelines } from '../gpu/pipelines.ts'
import type { Arena } from '../graph/arena.ts'
import type { AdapterFacts, Call } from '../graph/kernel.ts'
import { bytesOf, type Tensor } from '../graph/tensor.ts'
import { ModelState } from '../nn/model_state.ts'
import type { SadaanShape } from '../nn/specification.ts'
import { INITIAL_LOSS_SCALE } from '../optim/loss_scale.ts'
import type { Choice } from '../plan/lower.ts'
import { makePlan, type Plan, type PlanOptions, slotBytes } from '../plan/plan.ts'
import { Readback } from '../plan/readback.ts'
import { type KernelTime, Runner, type SlotPool } from '../plan/runner.ts'
import { type Storage, storageBytes } from '../plan/storage.ts'
import type { Upload } from '../plan/upload.ts'
import { allocate, openUploads } from '../run/allocation.ts'
import { type BatchResult, termsOf } from '../run/batch_result.ts'
import { STEPS_IN_FLIGHT, submitsFor } from '../run/in_flight.ts'
import type { MemoryNeed } from '../run/memory.ts'
import { writeLossScale } from '../run/model_weights.ts'
import { OptimizerMemory } from '../run/optimizer_memory.ts'
import {
  type BatchTensors,
  batchTensors,
  type EvaluationOutputs,
  type LossOutputs,
  recordEvaluation,
  recordTraining,
  recordUpdate,
} from '../run/tapes.ts'
import { factsFor } from '../run/variants.ts'
import { InputError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'

/** A batch as the loader gives it; arrays are copied when it is uploaded. */
export interface HostBatch {
  images: Float32Array // (N, C, H, W, D)
  maskBits: Uint32Array // (N, S, V/32)
  presence: Float32Array // (N, S)
  samples: Uint32Array // (N)
}

/** What an update did. */
export interface UpdateResult {
  /** false: the window's gradient was not finite, so nothing was changed */
  applied: boolean
  /** what the gradient had been multiplied by; halved behind a gradient that was not finite, 1 at least */
  lossScale: number
}

/** The plans of training and what they take: all that can be known without touching the GPU. */
interface Blueprint {
  state: ModelState
  optimizer: OptimizerMemory
  batch: BatchTensors
  accumulate: Plan
  accumulateOutputs: LossOutputs
  update: Plan
  evaluate: Plan
  evaluateOutputs: EvaluationOutputs
  arenas: Arena[]
  tensors: Tensor[]
  need: MemoryNeed
}

function draw(
  adapter: AdapterFacts,
  config: Config,
  shape: SadaanShape,
  structureNames: readonly string[],
  batchSize: number,
  choice?: Choice,
): Blueprint {
  const facts = factsFor(adapter, config)
  const state = new ModelState(shape)
  const optimizer = new OptimizerMemory(state)
  const batch = batchTensors(state, batchSize)
  const training = recordTraining(state, batch, config, structureNames)
  const evaluation = recordEvaluation(state, batch, config)
  const update = recordUpdate(state, optimizer, config)
  const options: PlanOptions = choice ? { choice } : {}
  const accumulatePlan = makePlan('accumulate', training.calls, resultsOf(training.outputs), facts, options)
  // the masks stay where they are behind the pass, for the few samples that are pictured
  const evaluated = [...resultsOf(evaluation.outputs), evaluation.outputs.predicted]
  const evaluatePlan = makePlan('evaluate', evaluation.calls, evaluated, facts, options)
  const updatePlan = makePlan('update', update.calls, Object.values(update.outputs), facts, options)
  const arenas = [state.parameters, state.gradients, state.running, state.batch, ...optimizer.arenas]
  const scale = facts.precision === 'f16' ? [state.lossScale] : []
  const tensors = [state.batchesTracked, ...scale, ...optimizer.tensors, ...Object.values(batch)]
  const need = {
    lasting: storageBytes(arenas, tensors),
    working: slotBytes([accumulatePlan, evaluatePlan, updatePlan]),
  }
  return {
    state,
    optimizer,
    batch,
    accumulate: accumulatePlan,
    accumulateOutputs: training.outputs,
    update: updatePlan,
    evaluate: evaluatePlan,
    evaluateOutputs: evaluation.outputs,
    arenas,
    tensors,
    need,
  }
}

function checkPrecision({ name, facts }: Device, { compute }: Config): void {
  if (compute.precision === 'f16' && !facts.features.has('shader-f16'))
    throw new InputError(`compute.precision is 'f16': ${name} has no shader-f16, expected 'f32'`)
}

function memoryFor(device: Device, { arenas, tensors, need, accumulate, evaluate, update }: Blueprint) {
  return allocate(device, { arenas, tensors, plans: [accumulate, evaluate, update], need })
}

/** What the host reads of a batch, in the order that `toResult` takes. */
function resultsOf({ terms, pairs, presenceProbability, presence }: LossOutputs): Tensor[] {
  return [terms, pairs, presenceProbability, presence]
}

/** SADAAN's training on a device: uploads batches, replays the plans, reads results in arrears. */
export class TrainingEngine {
  readonly device: Device
  readonly state: ModelState
  readonly optimizer: OptimizerMemory
  readonly storage: Storage
  /** bytes, known before the first step */
  readonly need: MemoryNeed
  /** kernels a training step dispatches, without the update */
  readonly dispatches: number
  /** what brings batches to the device; there once the engine is prepared */
  uploads!: Upload
  private readonly blueprint: Blueprint
  private readonly pool: SlotPool
  private readonly pipelines: Pipelines
  private accumulating!: Readback
  private updating!: Readback
  private evaluating: Promise<Readback> | undefined
  private submits = 1
  private readonly isPinned: boolean

  private constructor(device: Device, { training }: Config, blueprint: Blueprint, storage: Storage, pool: SlotPool) {
    this.isPinned = training.pin_memory
    this.device = device
    this.blueprint = blueprint
    this.state = blueprint.state
    this.optimizer = blueprint.optimizer
    this.need = blueprint.need
    this.dispatches = blueprint.accumulate.dispatches.length
    this.storage = storage
    this.pool = pool
    this.pipelines = new Pipelines(device)
  }

  /** What training with this batch size takes on an adapter of these facts, without allocating it. */
  static need(
    facts: AdapterFacts,
    config: Config,
    shape: SadaanShape,
    structureNames: readonly string[],
    batchSize: number,
    choice?: Choice,
  ): MemoryNeed {
    return draw(facts, config, shape, structureNames, batchSize, choice).need
  }

  /** Every kernel call of training with this batch size, for choosing variants. */
  static calls(config: Config, shape: SadaanShape, structureNames: readonly string[], batchSize: number): Call[] {
    const state = new ModelState(shape)
    const batch = batchTensors(state, batchSize)
    return [
      ...recordTraining(state, batch, config, structureNames).calls,
      ...recordEvaluation(state, batch, config).calls,
      ...recordUpdate(state, new OptimizerMemory(state), config).calls,
    ]
  }

  /**
   * Plans (`choice` names variants, the rules where it is not given), allocates, and has the adapter begin with the pipelines of a step:
   * weights can be written meanwhile, `prepare` waits for them. Throws OutOfMemoryError or BindingLimitError when the adapter cannot hold
   * it, InputError when it lacks the precision.
   */
  static async allocate(
    device: Device,
    config: Config,
    shape: SadaanShape,
    structureNames: readonly string[],
    batchSize: number,
    choice?: Choice,
  ): Promise<TrainingEngine> {
    checkPrecision(device, config)
    const blueprint = draw(device.facts, config, shape, structureNames, batchSize, choice)
    const { storage, pool } = await memoryFor(device, blueprint)
    writeLossScale(storage, blueprint.state, config, INITIAL_LOSS_SCALE)
    const engine = new TrainingEngine(device, config, blueprint, storage, pool)
    for (const plan of [blueprint.accumulate, blueprint.update]) engine.pipelines.begin(plan.dispatches)
    return engine
  }

  /** Throws what `allocate` would throw; nothing stays allocated. */
  static async rehearse(
    device: Device,
    config: Config,
    shape: SadaanShape,
    structureNames: readonly string[],
    batchSize: number,
    choice?: Choice,
  ): Promise<void> {
    checkPrecision(device, config)
    const blueprint = draw(device.facts, config, shape, structureNames, batchSize, choice)
    const { storage, pool } = await memoryFor(device, blueprint)
    pool.destroy()
    storage.destroy()
  }

  /** Makes what a step needs and fills the constant inputs. What an evaluation needs is made while the first step runs. */
  async prepare(): Promise<void> {
    const { accumulate, update, batch, accumulateOutputs } = this.blueprint
    const { image, maskBits, presence, keys, seed } = batch
    const [accumulating, updating, uploads] = await Promise.all([
      this.readbackOf(accumulate, resultsOf(accumulateOutputs)),
      this.readbackOf(update, update.outputs),
      openUploads(this.device, this.storage, [image, maskBits, presence, keys, seed], this.isPinned),
    ])
    this.uploads = uploads
    this.accumulating = accumulating
    this.updating = updating
    this.storage.write(batch.ones, new Float32Array(sizeOf(batch.ones.shape)).fill(1))
  }

  private async readbackOf(plan: Plan, outputs: readonly Tensor[]): Promise<Readback> {
    const runner = await Runner.prepare(this.device, this.pipelines, this.storage, this.pool, plan)
    return new Readback(this.device, runner, outputs, STEPS_IN_FLIGHT + 1)
  }

  /** Begun by the first update, at the latest by the first evaluation; a failure is thrown by the evaluation that needs it. */
  prepareEvaluation(): Promise<Readback> {
    const { evaluate, evaluateOutputs } = this.blueprint
    this.evaluating ??= this.readbackOf(evaluate, resultsOf(evaluateOutputs))
    this.evaluating.catch(() => undefined)
    return this.evaluating
  }

  /** Told how long a step takes, cuts it into submits short enough for a desktop. */
  paced(secondsPerStep: number): void {
    this.submits = submitsFor(this.device.facts, secondsPerStep)
    this.accumulating.runner.slice(this.submits)
  }

  /** Forward, loss and backward of a batch; its gradient counts `share` (one over the window's batches). */
  accumulate(
    host: HostBatch,
    at: { seed: number; epoch: number; share: number; first: boolean },
  ): Promise<BatchResult> {
    this.upload(host, at)
    this.uploads.write(this.blueprint.batch.seed, Float32Array.of(at.share))
    return this.submit(this.accumulating, at.first)
  }

  /** Clips the window's gradient and moves the parameters. */
  async update(learningRate: number): Promise<UpdateResult> {
    this.storage.write(this.optimizer.learningRate, Float32Array.of(learningRate))
    const updated = this.updating.submit()
    this.prepareEvaluation()
    const [clip, lossScale] = await updated
    return { applied: clip![2] === 1, lossScale: lossScale?.[0] ?? 1 } // norm, factor, finite
  }

  /** Forward with running statistics, and the loss. */
  async evaluate(host: HostBatch): Promise<BatchResult> {
    const evaluating = await this.prepareEvaluation()
    evaluating.runner.slice(this.submits)
    this.upload(host, { seed: 0, epoch: 0 })
    return this.submit(evaluating)
  }

  /** Replays a plan on what was uploaded; `clear`: with gradients from zero. */
  private submit(readback: Readback, clear = false): Promise<BatchResult> {
    const results = readback.submit(encoder => {
      if (clear) encoder.clearBuffer(this.storage.bufferOf(this.state.gradients))
      this.uploads.record(encoder)
    })
    this.uploads.submitted()
    return results.then(toResult)
  }

  /**
   * Masks at probability 0.5, without the presence gate, of the first `samples` of the batch evaluated last; nothing may have been
   * submitted since. Bit j of word i is voxel 32·i + j.
   * @returns (samples, S, V/32)
   */
  async predictedMasks(samples: number): Promise<Uint32Array> {
    const { predicted } = this.blueprint.evaluateOutputs
    const { runner } = await this.prepareEvaluation()
    const { buffer, offset } = runner.place(predicted)
    const bytes = (bytesOf(predicted) / predicted.shape[0]!) * samples
    return new Uint32Array(await readBuffer(this.device, buffer, offset, bytes))
  }

  /** Runs one accumulation kernel by kernel on the batch uploaded last. */
  profile(): Promise<KernelTime[]> {
    return this.accumulating.runner.profile()
  }

  private upload(host: HostBatch, { seed, epoch }: { seed: number; epoch: number }): void {
    const { batch } = this.blueprint
    this.uploads.write(batch.image, host.images)
    this.uploads.write(batch.maskBits, host.maskBits)
    this.uploads.write(batch.presence, host.presence)
    this.uploads.write(batch.keys, Uint32Array.from([...host.samples].flatMap(sample => [seed, epoch, sample, 0])))
  }

  destroy(): void {
    this.uploads?.destroy()
    this.pool.destroy()
    this.storage.destroy()
  }
}

function toResult([terms, pairs, presenceProbability, presence]: Float32Array[]): BatchResult {
  return { terms: termsOf(terms!), pairs: pairs!, presenceProbability: presenceProbability!, presence: presence! }
}

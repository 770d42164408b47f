import type { Config } from '../config/schema.ts'
import { destroyBuffer, readBuffer, readbackBuffer } from '../gpu/buffers.ts'
import type { Device } from '../gpu/device.ts'
import { Pipelines } from '../gpu/pipelines.ts'
import { bytesOf, type Tensor } from '../graph/tensor.ts'
import type { ModelState } from '../nn/model_state.ts'
import { INITIAL_LOSS_SCALE } from '../optim/loss_scale.ts'
import type { Plan } from '../plan/plan.ts'
import { Readback } from '../plan/readback.ts'
import { type KernelTime, Runner, type SlotPool } from '../plan/runner.ts'
import type { Storage } from '../plan/storage.ts'
import type { Upload } from '../plan/upload.ts'
import { allocate, type Memory, openUploads, rehearse } from '../run/allocation.ts'
import { type BatchResult, termsOf } from '../run/batch_result.ts'
import { STEPS_IN_FLIGHT } from '../run/in_flight.ts'
import type { MemoryNeed } from '../run/memory.ts'
import { writeLossScale } from '../run/model_weights.ts'
import type { OptimizerMemory } from '../run/optimizer_memory.ts'
import { Closer } from '../util/closer.ts'
import { InputError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'
import type { GradientPart } from './ranks/parts.ts'
import { planTraining, resultsOf, type TrainingPlans, type TrainingSpec } from './training_plans.ts'
import { WindowSum } from './window_sum.ts'

/** A batch as the loader yields it. The loader reuses the arrays, so a call that takes them has copied them when it returns. */
export interface HostBatch {
  images: Float32Array // (N, C, H, W, D)
  maskBits: Uint32Array // (N, S, V/32)
  presence: Float32Array // (N, S)
  samples: Uint32Array // (N)
}

/** What an update did. */
export interface UpdateResult {
  /** false: the window's gradient was not finite, so nothing changed */
  applied: boolean
  /** the factor on this gradient; after a gradient that was not finite it is halved, down to 1 */
  lossScale: number
}

function checkPrecision({ name, facts }: Device, { compute }: Config): void {
  if (compute.precision === 'f16' && !facts.features.has('shader-f16'))
    throw new InputError(`compute.precision is 'f16': ${name} has no shader-f16, expected 'f32'`)
}

interface Opened {
  device: Device
  plans: TrainingPlans
  memory: Memory
  isPinned: boolean
  closer: Closer
}

/** SADAAN's training on a device. Uploads batches, replays the plans and reads the results in arrears. */
export class TrainingEngine {
  readonly device: Device
  readonly state: ModelState
  readonly optimizer: OptimizerMemory
  readonly storage: Storage
  /** bytes, known before the first step */
  readonly need: MemoryNeed
  /** kernels that a training step dispatches, without the update */
  readonly dispatches: number
  /** uploads batches to the device; set by `prepare` */
  uploads!: Upload
  private readonly plans: TrainingPlans
  private readonly pool: SlotPool
  private readonly pipelines: Pipelines
  private readonly isPinned: boolean
  private readonly closer: Closer
  private accumulating!: Readback
  private sum!: WindowSum
  private committing: Runner | undefined
  /** one buffer for each part of the gradients */
  private staging: readonly GPUBuffer[] = []
  private updating!: Readback
  private evaluating: Promise<Readback> | undefined

  private constructor({ device, plans, memory, isPinned, closer }: Opened) {
    this.device = device
    this.plans = plans
    this.state = plans.state
    this.optimizer = plans.optimizer
    this.need = plans.need
    this.dispatches = plans.accumulate.dispatches.length
    this.storage = memory.storage
    this.pool = memory.pool
    this.pipelines = new Pipelines(device)
    this.isPinned = isPinned
    this.closer = closer
  }

  /**
   * Plans, allocates and starts compiling the pipelines of a step, so that weights can be written meanwhile; `prepare` waits for them.
   * Throws OutOfMemoryError or BindingLimitError if the adapter cannot hold the batch, and InputError if it lacks the precision.
   */
  static allocate(device: Device, spec: TrainingSpec): Promise<TrainingEngine> {
    return Closer.opening(async closer => {
      checkPrecision(device, spec.config)
      const plans = planTraining(device.facts, spec)
      const memory = await allocate(device, plans, closer)
      writeLossScale(memory.storage, plans.state, spec.config, INITIAL_LOSS_SCALE)
      const isPinned = spec.config.training.pin_memory
      const engine = new TrainingEngine({ device, plans, memory, isPinned, closer })
      for (const { dispatches } of engine.stepPlans) engine.pipelines.begin(dispatches)
      return engine
    })
  }

  /** The plans of an update: what must be compiled before the first. */
  private get stepPlans(): readonly Plan[] {
    const { accumulate, sums, commit, update } = this.plans
    return [
      accumulate,
      ...sums.flatMap(({ plan, parts }) => [plan, ...parts]),
      ...(commit ? [commit.plan] : []),
      update,
    ]
  }

  /** Throws what `allocate` would throw; nothing stays allocated. */
  static async rehearse(device: Device, spec: TrainingSpec): Promise<void> {
    checkPrecision(device, spec.config)
    await rehearse(device, planTraining(device.facts, spec))
  }

  /**
   * Prepares the first step and fills the constant inputs. Evaluation is prepared while the first step runs. `compiling` hears how many
   * of the step's pipelines are compiled.
   */
  async prepare(compiling?: (done: number, all: number) => void): Promise<void> {
    this.pipelines.onCompiled = compiling
    const { accumulate, update, batch, accumulateOutputs, commit } = this.plans
    const { image, maskBits, presence, keys, seed } = batch
    const inputs = [image, maskBits, presence, keys, seed]
    const uploads = await openUploads(this.device, this.storage, inputs, this.isPinned)
    this.uploads = this.closer.add(uploads, each => each.destroy())
    const statistics = commit ? [this.state.batch.range('batch statistics')] : []
    ;[this.accumulating, this.updating, this.sum, this.committing] = await Promise.all([
      this.readbackOf(accumulate, [...resultsOf(accumulateOutputs), ...statistics]),
      this.readbackOf(update, update.outputs),
      this.windowSum(),
      commit && this.runnerOf(commit.plan),
    ])
    this.staging = await this.device.guarded('readback memory', () =>
      this.parts.map(({ length }, i) => {
        const buffer = readbackBuffer(this.device, `gradients, part ${i}`, length * 4)
        return this.closer.add(buffer, each => destroyBuffer(this.device, each))
      }),
    )
    this.storage.write(batch.ones, new Float32Array(sizeOf(batch.ones.shape)).fill(1))
    this.pipelines.onCompiled = undefined
  }

  private async readbackOf(plan: Plan, outputs: readonly Tensor[]): Promise<Readback> {
    return new Readback(this.device, await this.runnerOf(plan), outputs, STEPS_IN_FLIGHT + 1)
  }

  private runnerOf(plan: Plan): Promise<Runner> {
    const { device, pipelines, storage, pool } = this
    return Runner.prepare(plan, { device, pipelines, storage, pool })
  }

  private async windowSum(): Promise<WindowSum> {
    const { device, storage, state, plans } = this
    const levels = plans.sums.map(async ({ arena, plan, parts }) => ({
      kept: storage.bufferOf(arena),
      adding: await this.runnerOf(plan),
      addingParts: await Promise.all(parts.map(part => this.runnerOf(part))),
    }))
    return new WindowSum(device, storage.bufferOf(state.gradients), await Promise.all(levels))
  }

  /** Starts with the first update, or at the latest when `evaluate` needs it, which takes what it resolves to. */
  prepareEvaluation(): Promise<Readback> {
    const { evaluate, evaluateOutputs } = this.plans
    this.evaluating ??= this.readbackOf(evaluate, resultsOf(evaluateOutputs))
    this.evaluating.catch(() => undefined) // thrown to those who wait for it
    return this.evaluating
  }

  /**
   * Forward, loss and backward of the next batch of a window, whose gradient has the weight `share` (one over the batches of the window).
   * The window begins with the first batch, and ends with the update.
   */
  accumulate(host: HostBatch, at: { seed: number; epoch: number; share: number }): Promise<BatchResult> {
    this.sum.next()
    this.upload(host, at)
    this.uploads.write(this.plans.batch.seed, Float32Array.of(at.share))
    return this.submit(this.accumulating, true)
  }

  /** The gradients as ranks exchange them, in the order in which a batch finishes them; none without other ranks. */
  get parts(): readonly GradientPart[] {
    return this.plans.parts
  }

  /**
   * As `accumulate`, for the last batch that this rank has of a window. Each part of the sum over its batches resolves as soon as the backward
   * pass has finished it.
   */
  accumulateLast(
    host: HostBatch,
    at: { seed: number; epoch: number; share: number },
  ): { result: Promise<BatchResult>; parts: readonly Promise<Float32Array>[] } {
    const parts: Promise<Float32Array>[] = []
    this.sum.next()
    this.upload(host, at)
    this.uploads.write(this.plans.batch.seed, Float32Array.of(at.share))
    const result = this.submit(this.accumulating, true, dispatches => {
      while (parts.length < this.parts.length && this.parts[parts.length]!.after <= dispatches)
        parts.push(this.finishedPart(parts.length))
    })
    this.sum.end()
    return { result, parts }
  }

  /** Reads a part that no later dispatch of the window changes. */
  private async finishedPart(part: number): Promise<Float32Array> {
    const { ranges, length } = this.parts[part]!
    const to = this.staging[part]!
    this.sum.finishPart(part)
    const from = this.storage.bufferOf(this.state.gradients)
    const encoder = this.device.gpu.createCommandEncoder()
    let at = 0
    for (const { start, end } of ranges) {
      encoder.copyBufferToBuffer(from, start * 4, to, at * 4, (end - start) * 4)
      at += end - start
    }
    this.device.gpu.queue.submit([encoder.finish()])
    return new Float32Array(await this.device.mapped(to, length * 4))
  }

  /** Replaces a part of the window's gradients. */
  writePart(part: number, values: Float32Array): void {
    let at = 0
    for (const { start, end } of this.parts[part]!.ranges) {
      this.storage.writeElements(this.state.gradients, start, values.subarray(at, at + end - start))
      at += end - start
    }
  }

  /** Commits the statistics of a batch of any rank to the running ones, if its loss is finite. */
  commit({ statistics, terms }: BatchResult): void {
    const { storage, state, plans } = this
    storage.writeArena(state.batch, statistics! as Float32Array<ArrayBuffer>)
    storage.write(plans.commit!.total, Float32Array.of(terms.total))
    this.committing!.submit()
  }

  /** Sums and clips the window's gradient and updates the parameters. */
  async update(learningRate: number): Promise<UpdateResult> {
    this.sum.finish()
    this.storage.write(this.optimizer.learningRate, Float32Array.of(learningRate))
    const updated = this.updating.submit()
    this.prepareEvaluation()
    const [clip, lossScale] = await updated
    return { applied: clip![2] === 1, lossScale: lossScale?.[0] ?? 1 } // clip: norm, factor, finite
  }

  /** Forward with running statistics, and the loss. */
  evaluate(prepared: Readback, host: HostBatch): Promise<BatchResult> {
    this.upload(host, { seed: 0, epoch: 0 })
    return this.submit(prepared)
  }

  /** Replays a plan on the uploaded batch. `clear` zeroes the gradients first. */
  private submit(readback: Readback, clear = false, reached?: (dispatches: number) => void): Promise<BatchResult> {
    const before = (encoder: GPUCommandEncoder): void => {
      if (clear) encoder.clearBuffer(this.storage.bufferOf(this.state.gradients))
      this.uploads.record(encoder)
    }
    const stops = reached ? this.parts.map(({ after }) => after) : []
    const results = readback.submit(before, stops, reached)
    this.uploads.submitted()
    return results.then(toResult)
  }

  /**
   * Masks at probability 0.5, without the presence gate, of the first `samples` of the last evaluated batch. Nothing may have been submitted
   * since. Bit j of word i is voxel 32·i + j.
   * @returns (samples, S, V/32)
   */
  async predictedMasks({ runner }: Readback, samples: number): Promise<Uint32Array> {
    const { predicted } = this.plans.evaluateOutputs
    const { buffer, offset } = runner.place(predicted)
    const bytes = (bytesOf(predicted) / predicted.shape[0]!) * samples
    return new Uint32Array(await readBuffer(this.device, buffer, offset, bytes))
  }

  /** Runs one accumulation kernel by kernel on the last uploaded batch. */
  profile(): Promise<KernelTime[]> {
    return this.accumulating.runner.profile()
  }

  private upload(host: HostBatch, { seed, epoch }: { seed: number; epoch: number }): void {
    const { batch } = this.plans
    this.uploads.write(batch.image, host.images)
    this.uploads.write(batch.maskBits, host.maskBits)
    this.uploads.write(batch.presence, host.presence)
    this.uploads.write(batch.keys, Uint32Array.from([...host.samples].flatMap(sample => [seed, epoch, sample, 0])))
  }

  close(): Promise<void> {
    return this.closer.close()
  }
}

function toResult([terms, pairs, presenceProbability, presence, statistics]: Float32Array[]): BatchResult {
  return {
    terms: termsOf(terms!),
    pairs: pairs!,
    presenceProbability: presenceProbability!,
    presence: presence!,
    ...(statistics && { statistics }),
  }
}

import { readBuffer } from '../gpu/buffers.ts'
import type { Device } from '../gpu/device.ts'
import { Pipelines } from '../gpu/pipelines.ts'
import type { AdapterFacts } from '../graph/kernel.ts'
import { bytesOf, type Tensor } from '../graph/tensor.ts'
import { ModelState } from '../nn/model_state.ts'
import type { SadaanShape } from '../nn/specification.ts'
import type { Choice } from '../plan/lower.ts'
import { makePlan, type Plan, slotBytes } from '../plan/plan.ts'
import { Readback } from '../plan/readback.ts'
import { Runner, type SlotPool } from '../plan/runner.ts'
import { type Storage, storageBytes } from '../plan/storage.ts'
import type { Upload } from '../plan/upload.ts'
import { sizeOf } from '../util/shape.ts'
import { allocate, type Layout, openUploads } from './allocation.ts'
import { InFlight, STEPS_IN_FLIGHT, submitsFor } from './in_flight.ts'
import { largestBatchThatFits, type MemoryNeed } from './memory.ts'
import { writeModel } from './model_weights.ts'
import { type BatchTensors, batchTensors, type Recording } from './tapes.ts'
import type { TrainedModel } from './trained_model.ts'

/** What is recorded, which tensors the host reads of every batch, and which stay on the device until `readKept` wants them, by name. */
export type Recorder<Name extends string, Kept extends string = never> = (
  state: ModelState,
  batch: BatchTensors,
) => Recording<Readonly<Record<Name, Tensor>>> & { kept?: Readonly<Record<Kept, Tensor>> }

/** A batch of the engine's size; arrays are copied when it is uploaded. Masks and presence are for recordings with a loss. */
export interface InferenceBatch {
  images: Float32Array // (N, C, H, W, D)
  maskBits?: Uint32Array // (N, S, V/32)
  presence?: Float32Array // (N, S)
}

interface Blueprint<Name extends string, Kept extends string> extends Layout {
  state: ModelState
  batch: BatchTensors
  inputs: ReadonlySet<Tensor>
  plan: Plan
  outputs: Readonly<Record<Name, Tensor>>
  kept: Readonly<Record<Kept, Tensor>> | undefined
}

/** How an engine runs, whatever it runs. */
export interface InferenceOptions {
  /** names variants; the rules where it is not given */
  choice?: Choice
  /** batches go through staging buffers that stay mapped */
  isPinned: boolean
}

const READBACKS = STEPS_IN_FLIGHT + 1

/** Only what the plan touches gets memory: a prediction has no masks, an evaluation no gradients. */
function draw<Name extends string, Kept extends string>(
  facts: AdapterFacts,
  shape: SadaanShape,
  batchSize: number,
  record: Recorder<Name, Kept>,
  choice?: Choice,
): Blueprint<Name, Kept> {
  const state = new ModelState(shape)
  const batch = batchTensors(state, batchSize)
  const { calls, outputs, kept } = record(state, batch)
  const wanted = Object.values<Tensor>(outputs)
  const lasting = [...wanted, ...Object.values<Tensor>(kept ?? {})]
  const plan = makePlan('inference', calls, lasting, facts, choice ? { choice } : {})
  const bound = plan.dispatches.flatMap(dispatch => dispatch.bound.map(({ tensor }) => tensor))
  const inputs = new Set(bound.filter(({ kind }) => kind === 'input'))
  const arenas = [state.parameters, state.running]
  const tensors = [state.batchesTracked, ...inputs]
  const readbacks = READBACKS * wanted.reduce((sum, t) => sum + bytesOf(t), 0)
  const need = { lasting: storageBytes(arenas, tensors) + readbacks, working: slotBytes([plan]) }
  return { state, batch, inputs, plan, outputs, kept, arenas, tensors, plans: [plan], need }
}

interface Opened {
  device: Device
  storage: Storage
  pool: SlotPool
  runner: Runner
  uploads: Upload
}

/** A trained model on a device: uploads batches, replays one plan, reads its outputs in arrears. */
export class InferenceEngine<Name extends string, Kept extends string = never> {
  readonly batchSize: number
  /** bytes, known before the first batch */
  readonly need: MemoryNeed
  private readonly device: Device
  private readonly blueprint: Blueprint<Name, Kept>
  private readonly storage: Storage
  private readonly pool: SlotPool
  private readonly runner: Runner
  private readonly uploads: Upload
  private readonly readback: Readback

  private constructor(blueprint: Blueprint<Name, Kept>, { device, storage, pool, runner, uploads }: Opened) {
    this.batchSize = blueprint.batch.image.shape[0]!
    this.need = blueprint.need
    this.device = device
    this.blueprint = blueprint
    this.storage = storage
    this.pool = pool
    this.runner = runner
    this.uploads = uploads
    this.readback = new Readback(device, runner, Object.values<Tensor>(blueprint.outputs), READBACKS)
  }

  /**
   * Plans, allocates and loads the weights. Throws OutOfMemoryError or BindingLimitError when the adapter cannot hold this batch size,
   * InputError when the weights are not those of a SADAAN.
   */
  static async open<Name extends string, Kept extends string = never>(
    device: Device,
    model: TrainedModel,
    batchSize: number,
    record: Recorder<Name, Kept>,
    options: InferenceOptions,
  ): Promise<InferenceEngine<Name, Kept>> {
    const blueprint = draw(device.facts, model.shape, batchSize, record, options.choice)
    const { storage, pool } = await allocate(device, blueprint)
    const { image, maskBits, presence } = blueprint.batch
    const inputs = [image, maskBits, presence].filter(t => blueprint.inputs.has(t))
    const uploads = await openUploads(device, storage, inputs, options.isPinned)
    try {
      writeModel(storage, blueprint.state, model.weights, model.path)
      const { ones } = blueprint.batch
      storage.write(ones, new Float32Array(sizeOf(ones.shape)).fill(1))
      const runner = await Runner.prepare(device, new Pipelines(device), storage, pool, blueprint.plan)
      const opened = { device, storage, pool, runner, uploads }
      return await device.guarded('readback memory', () => new InferenceEngine(blueprint, opened))
    } catch (error) {
      uploads.destroy()
      pool.destroy()
      storage.destroy()
      throw error
    }
  }

  /** As `open`, with the largest batch up to `batchSize` that the adapter holds; what is smaller than asked for goes to `say`. */
  static async openFitting<Name extends string, Kept extends string = never>(
    device: Device,
    model: TrainedModel,
    batchSize: number,
    record: Recorder<Name, Kept>,
    say: (line: string) => void,
    options: InferenceOptions,
  ): Promise<InferenceEngine<Name, Kept>> {
    const attempt = (size: number) => InferenceEngine.open(device, model, size, record, options)
    const rehearse = async (size: number): Promise<void> => {
      const { storage, pool } = await allocate(device, draw(device.facts, model.shape, size, record, options.choice))
      pool.destroy()
      storage.destroy()
    }
    const found = await largestBatchThatFits(device, batchSize, model.path, attempt, rehearse)
    if (found.reason !== undefined)
      say(`batch size ${found.batchSize}, not ${batchSize}: ${device.name} cannot hold more (${found.reason})`)
    return found.result
  }

  /** Uploads a batch and submits it. At most three may be pending. */
  async run({ images, maskBits, presence }: InferenceBatch): Promise<Record<Name, Float32Array>> {
    const { batch, inputs, outputs } = this.blueprint
    this.uploads.write(batch.image, images)
    if (inputs.has(batch.maskBits)) this.uploads.write(batch.maskBits, maskBits!)
    if (inputs.has(batch.presence)) this.uploads.write(batch.presence, presence!)
    const submitted = this.readback.submit(encoder => this.uploads.record(encoder))
    this.uploads.submitted()
    const values = await submitted
    return Object.fromEntries(Object.keys(outputs).map((name, i) => [name, values[i]!])) as Record<Name, Float32Array>
  }

  /** Sample `i` of a kept tensor of the batch run last; nothing may have been submitted since. */
  async readKept(name: Kept, i: number): Promise<Float32Array> {
    const t = this.blueprint.kept![name]
    const { buffer, offset } = this.runner.place(t)
    const bytes = bytesOf(t) / t.shape[0]!
    return new Float32Array(await readBuffer(this.device, buffer, offset + i * bytes, bytes))
  }

  /** Runs all batches, two on their way at once, and hands the outputs to `use` in order; what it promises is waited for. */
  async runAll<Batch extends InferenceBatch>(
    batches: AsyncIterable<Batch>,
    use: (outputs: Record<Name, Float32Array>, batch: Batch) => void | Promise<void>,
  ): Promise<void> {
    const pending = new InFlight()
    let done = 0
    try {
      for await (const batch of batches) {
        const started = performance.now()
        const used = this.run(batch).then(outputs => {
          // the first batch told the pace
          if (++done === 1) this.runner.slice(submitsFor(this.device.facts, (performance.now() - started) / 1000))
          return use(outputs, batch)
        })
        pending.add(used)
        await pending.settle(STEPS_IN_FLIGHT - 1)
      }
      await pending.settle()
    } finally {
      await pending.drain()
    }
  }

  destroy(): void {
    this.uploads.destroy()
    this.pool.destroy()
    this.storage.destroy()
  }
}

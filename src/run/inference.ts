import { readBuffer } from '../gpu/buffers.ts'
import type { Device } from '../gpu/device.ts'
import { Pipelines } from '../gpu/pipelines.ts'
import type { AdapterFacts } from '../graph/kernel.ts'
import { bytesOf, type Tensor } from '../graph/tensor.ts'
import { ModelState } from '../nn/model_state.ts'
import type { Choice } from '../plan/lower.ts'
import { makePlan, type Plan, slotBytes } from '../plan/plan.ts'
import { Readback } from '../plan/readback.ts'
import { Runner } from '../plan/runner.ts'
import { storageBytes } from '../plan/storage.ts'
import type { Upload } from '../plan/upload.ts'
import { Closer } from '../util/closer.ts'
import { sizeOf } from '../util/shape.ts'
import { allocate, type Layout, type Memory, openUploads, rehearse } from './allocation.ts'
import { InFlight, STEPS_IN_FLIGHT, submitsFor } from './in_flight.ts'
import { largestBatchThatFits, type MemoryNeed } from './memory.ts'
import { writeModel } from './model_weights.ts'
import { type BatchTensors, batchTensors, type Recording } from './tapes.ts'
import type { TrainedModel } from './trained_model.ts'

/**
 * Records what an engine runs. The host reads `outputs` after every batch; `kept` tensors stay on the device until `readKept` asks for
 * them.
 */
export type Recorder<Name extends string, Kept extends string = never> = (
  state: ModelState,
  batch: BatchTensors,
) => Recording<Readonly<Record<Name, Tensor>>> & { kept?: Readonly<Record<Kept, Tensor>> }

/** A batch of the engine's size; the upload copies the arrays. Only recordings with a loss need masks and presence. */
export interface InferenceBatch {
  images: Float32Array // (N, C, H, W, D)
  maskBits?: Uint32Array // (N, S, V/32)
  presence?: Float32Array // (N, S)
}

/** What an engine runs, and how. */
export interface InferenceSpec<Name extends string, Kept extends string = never> {
  model: TrainedModel
  batchSize: number
  record: Recorder<Name, Kept>
  /** names the kernels' variants; without it, their rules decide */
  choice?: Choice
  /** batches go through mapped staging buffers */
  isPinned: boolean
  /** hears how many kernels are compiled, before the first batch */
  compiling?: (done: number, all: number) => void
}

interface Blueprint<Name extends string, Kept extends string> extends Layout {
  state: ModelState
  batch: BatchTensors
  inputs: ReadonlySet<Tensor>
  plan: Plan
  outputs: Readonly<Record<Name, Tensor>>
  kept: Readonly<Record<Kept, Tensor>> | undefined
}

const READBACKS = STEPS_IN_FLIGHT + 1

/** Only what the plan touches gets memory: a prediction has no masks, an evaluation no gradients. */
function draw<Name extends string, Kept extends string>(
  facts: AdapterFacts,
  { model, batchSize, record, choice }: InferenceSpec<Name, Kept>,
): Blueprint<Name, Kept> {
  const state = new ModelState(model.shape)
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
  runner: Runner
  uploads: Upload
  closer: Closer
}

/** A trained model on a device. Uploads batches, replays one plan and reads its outputs in arrears. */
export class InferenceEngine<Name extends string, Kept extends string = never> {
  readonly batchSize: number
  /** bytes, known before the first batch */
  readonly need: MemoryNeed
  private readonly device: Device
  private readonly blueprint: Blueprint<Name, Kept>
  private readonly runner: Runner
  private readonly uploads: Upload
  private readonly readback: Readback
  private readonly closer: Closer

  private constructor(blueprint: Blueprint<Name, Kept>, { device, runner, uploads, closer }: Opened) {
    this.batchSize = blueprint.batch.image.shape[0]!
    this.need = blueprint.need
    this.device = device
    this.blueprint = blueprint
    this.runner = runner
    this.uploads = uploads
    this.readback = new Readback(device, runner, Object.values<Tensor>(blueprint.outputs), READBACKS)
    this.closer = closer
  }

  /**
   * Plans, allocates and loads the weights. Throws OutOfMemoryError or BindingLimitError if the adapter cannot hold this batch size, and
   * InputError if the weights are not those of a SADAAN.
   */
  static open<Name extends string, Kept extends string = never>(
    device: Device,
    spec: InferenceSpec<Name, Kept>,
  ): Promise<InferenceEngine<Name, Kept>> {
    return Closer.opening(async closer => {
      const blueprint = draw(device.facts, spec)
      const memory = await allocate(device, blueprint, closer)
      const { image, maskBits, presence } = blueprint.batch
      const inputs = [image, maskBits, presence].filter(t => blueprint.inputs.has(t))
      const opening = await openUploads(device, memory.storage, inputs, spec.isPinned)
      const uploads = closer.add(opening, each => each.destroy())
      writeInputs(memory, blueprint, spec.model)
      const pipelines = new Pipelines(device)
      pipelines.onCompiled = spec.compiling
      const runner = await Runner.prepare(blueprint.plan, { device, pipelines, ...memory })
      const opened = { device, runner, uploads, closer }
      return device.guarded('readback memory', () => new InferenceEngine(blueprint, opened))
    })
  }

  /** As `open`, with the largest batch up to `spec.batchSize` that the adapter holds. If that is smaller, tells `say`. */
  static async openFitting<Name extends string, Kept extends string = never>(
    device: Device,
    spec: InferenceSpec<Name, Kept>,
    say: (line: string) => void,
  ): Promise<InferenceEngine<Name, Kept>> {
    const trial = {
      device,
      batchSize: spec.batchSize,
      attempt: (batchSize: number) => InferenceEngine.open(device, { ...spec, batchSize }),
      rehearse: (batchSize: number) => rehearse(device, draw(device.facts, { ...spec, batchSize })),
    }
    const found = await largestBatchThatFits(trial, spec.model.path)
    if (found.reason !== undefined)
      say(`batch size ${found.batchSize}, not ${spec.batchSize}: ${device.name} cannot hold more (${found.reason})`)
    return found.result
  }

  /** Uploads a batch and submits it. At most three batches may be in flight. */
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

  /** Sample `i` of a kept tensor of the last batch. Nothing may have been submitted since. */
  async readKept(name: Kept, i: number): Promise<Float32Array> {
    const t = this.blueprint.kept![name]
    const { buffer, offset } = this.runner.place(t)
    const bytes = bytesOf(t) / t.shape[0]!
    return new Float32Array(await readBuffer(this.device, buffer, offset + i * bytes, bytes))
  }

  /** Runs all batches, two in flight at a time, and hands their outputs to `use` in order. Waits for the promises `use` returns. */
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
          // the first batch shows how fast the adapter is
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

  close(): Promise<void> {
    return this.closer.close()
  }
}

function writeInputs(
  { storage }: Memory,
  { state, batch: { ones } }: Pick<Blueprint<string, string>, 'state' | 'batch'>,
  { weights, path }: TrainedModel,
): void {
  writeModel(storage, state, weights, path)
  storage.write(ones, new Float32Array(sizeOf(ones.shape)).fill(1))
}

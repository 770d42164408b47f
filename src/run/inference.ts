import { readBuffer } from '../gpu/buffers.ts'
import type { Device } from '../gpu/device.ts'
import { Pipelines } from '../gpu/pipelines.ts'
import type { AdapterFacts } from '../graph/kernel.ts'
import { bytesOf, type Tensor } from '../graph/tensor.ts'
import { ModelState } from '../nn/model_state.ts'
import { widthsText } from '../nn/specification.ts'
import type { Choice } from '../plan/lower.ts'
import { makePlan, type Plan, slotBytes } from '../plan/plan.ts'
import { Readback } from '../plan/readback.ts'
import { Runner } from '../plan/runner.ts'
import { storageBytes } from '../plan/storage.ts'
import type { Upload } from '../plan/upload.ts'
import { Closer } from '../util/closer.ts'
import { sizeOf } from '../util/shape.ts'
import { allocate, type Layout, type Memory, openUploads, rehearse } from './allocation.ts'
import { InFlight, STEPS_IN_FLIGHT } from './in_flight.ts'
import { largestBatchThatFits, type MemoryNeed } from './memory.ts'
import { type PackedModel, packModel, writePacked } from './model_weights.ts'
import { type BatchTensors, batchTensors, type Recording } from './tapes.ts'
import type { TrainedModel } from './trained_model.ts'

/**
 * Records what an engine runs: given the inputs, which all models share, then each set of widths. The host reads `outputs` after every
 * batch; `kept` tensors stay on the device until `readKept` asks for them.
 */
export type Recorder<Name extends string, Kept extends string = never> = (
  batch: BatchTensors,
) => (state: ModelState) => Recording<Readonly<Record<Name, Tensor>>> & { kept?: Readonly<Record<Kept, Tensor>> }

/** A batch of the engine's size; the upload copies the arrays. Only recordings with a loss need masks and presence. */
export interface InferenceBatch {
  /** number of the model that runs; 0 by default */
  model?: number
  images: Float32Array // (N, C, H, W, D)
  maskBits?: Uint32Array // (N, S, V/32)
  presence?: Float32Array // (N, S)
}

/** What an engine runs, and how. */
export interface InferenceSpec<Name extends string, Kept extends string = never> {
  /** of the same structures, size and input channels */
  models: readonly TrainedModel[]
  batchSize: number
  record: Recorder<Name, Kept>
  /** names the kernels' variants; without it, their rules decide */
  choice?: Choice
  /** batches go through mapped staging buffers */
  isPinned: boolean
  /** hears how much memory the engine will take, before it takes any */
  planned?: (need: MemoryNeed) => void
  /** hears how many kernels are compiled, before the first batch */
  compiling?: (done: number, all: number) => void
}

/** What models of the same widths share: memory for the weights of one of them, and a plan. */
interface Body<Name extends string, Kept extends string> {
  state: ModelState
  plan: Plan
  outputs: Readonly<Record<Name, Tensor>>
  kept: Readonly<Record<Kept, Tensor>> | undefined
}

interface Blueprint<Name extends string, Kept extends string> extends Layout {
  batch: BatchTensors
  inputs: ReadonlySet<Tensor>
  /** one per set of widths */
  bodies: readonly Body<Name, Kept>[]
  /** the number of its body for each model */
  bodyOf: readonly number[]
}

const READBACKS = STEPS_IN_FLIGHT + 1

/** Only what the plans touch gets memory: a prediction has no masks, an evaluation no gradients. */
function draw<Name extends string, Kept extends string>(
  facts: AdapterFacts,
  { models, batchSize, record, choice }: InferenceSpec<Name, Kept>,
): Blueprint<Name, Kept> {
  const widths = models.map(({ shape }) => widthsText(shape))
  const distinct = [...new Set(widths)]
  const states = distinct.map(each => new ModelState(models[widths.indexOf(each)]!.shape))
  const batch = batchTensors(states[0]!, batchSize)
  const recordBody = record(batch)
  const bodies = states.map((state): Body<Name, Kept> => {
    const { calls, outputs, kept } = recordBody(state)
    const lasting = [...Object.values<Tensor>(outputs), ...Object.values<Tensor>(kept ?? {})]
    const plan = makePlan('inference', calls, lasting, facts, choice ? { choice } : {})
    return { state, plan, outputs, kept }
  })
  const plans = bodies.map(({ plan }) => plan)
  const arenas = states.flatMap(({ parameters, running }) => [parameters, running])
  const bound = plans.flatMap(plan => plan.dispatches.flatMap(each => each.bound.map(({ tensor }) => tensor)))
  const inputs = new Set(bound.filter(({ kind }) => kind === 'input'))
  const sums = new Set(bound.filter(t => t.kind === 'state' && !arenas.some(arena => arena.has(t))))
  const tensors = [...states.map(({ batchesTracked }) => batchesTracked), ...inputs, ...sums]
  const read = bodies.flatMap(({ outputs }) => Object.values<Tensor>(outputs))
  const readbacks = READBACKS * read.reduce((sum, t) => sum + bytesOf(t), 0)
  const need = { lasting: storageBytes(arenas, tensors) + readbacks, working: slotBytes(plans) }
  const bodyOf = widths.map(each => distinct.indexOf(each))
  return { batch, inputs, bodies, bodyOf, arenas, tensors, plans, need }
}

/** A body that can run, and the model whose weights it has. */
interface LiveBody {
  runner: Runner
  readback: Readback
  loaded: number | undefined
}

interface Opened {
  device: Device
  memory: Memory
  packed: readonly PackedModel[]
  runners: readonly Runner[]
  uploads: Upload
  closer: Closer
}

/**
 * One or more trained models on a device, in the memory of one: weights are kept on the host and uploaded for the model that runs, unless
 * they are there already. Uploads batches, replays a plan and reads its outputs in arrears.
 */
export class InferenceEngine<Name extends string, Kept extends string = never> {
  readonly batchSize: number
  /** bytes, known before the first batch */
  readonly need: MemoryNeed
  private readonly device: Device
  private readonly blueprint: Blueprint<Name, Kept>
  private readonly memory: Memory
  private readonly packed: readonly PackedModel[]
  private readonly bodies: readonly LiveBody[]
  private readonly uploads: Upload
  private readonly closer: Closer

  private constructor(blueprint: Blueprint<Name, Kept>, { device, memory, packed, runners, uploads, closer }: Opened) {
    this.batchSize = blueprint.batch.image.shape[0]!
    this.need = blueprint.need
    this.device = device
    this.blueprint = blueprint
    this.memory = memory
    this.packed = packed
    this.bodies = runners.map((runner, i) => {
      const outputs = Object.values<Tensor>(blueprint.bodies[i]!.outputs)
      return { runner, readback: new Readback(device, runner, outputs, READBACKS), loaded: undefined }
    })
    this.uploads = uploads
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
      const { batch, bodies, bodyOf, plans } = blueprint
      spec.planned?.(blueprint.need)
      const memory = await allocate(device, blueprint, closer)
      const inputs = [batch.image, batch.maskBits, batch.presence, batch.earlier].filter(t => blueprint.inputs.has(t))
      const opening = await openUploads(device, memory.storage, inputs, spec.isPinned)
      const uploads = closer.add(opening, each => each.destroy())
      const packed = spec.models.map(({ weights, path }, i) => packModel(bodies[bodyOf[i]!]!.state, weights, path))
      memory.storage.write(batch.ones, new Float32Array(sizeOf(batch.ones.shape)).fill(1))
      const pipelines = new Pipelines(device)
      pipelines.onCompiled = spec.compiling
      const runners: Runner[] = []
      for (const plan of plans) runners.push(await Runner.prepare(plan, { device, pipelines, ...memory }))
      const opened = { device, memory, packed, runners, uploads, closer }
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
    const found = await largestBatchThatFits(trial, spec.models[0]!.path)
    if (found.reason !== undefined)
      say(`batch size ${found.batchSize}, not ${spec.batchSize}: ${device.name} cannot hold more (${found.reason})`)
    return found.result
  }

  /** Uploads a batch and submits it. At most three batches may be in flight. */
  async run({ model = 0, images, maskBits, presence }: InferenceBatch): Promise<Record<Name, Float32Array>> {
    const { batch, inputs, bodies, bodyOf } = this.blueprint
    const { outputs } = bodies[bodyOf[model]!]!
    const { readback } = this.load(model)
    this.uploads.write(batch.image, images)
    if (inputs.has(batch.maskBits)) this.uploads.write(batch.maskBits, maskBits!)
    if (inputs.has(batch.presence)) this.uploads.write(batch.presence, presence!)
    if (inputs.has(batch.earlier)) this.uploads.write(batch.earlier, Uint32Array.of(model))
    const submitted = readback.submit(encoder => this.uploads.record(encoder))
    this.uploads.submitted()
    const values = await submitted
    return Object.fromEntries(Object.keys(outputs).map((name, i) => [name, values[i]!])) as Record<Name, Float32Array>
  }

  /** Runs a batch through every model in turn and returns the outputs of the last. */
  async runEach(batch: InferenceBatch): Promise<Record<Name, Float32Array>> {
    const last = this.packed.length - 1
    for (let model = 0; model < last; model++) await this.run({ ...batch, model })
    return this.run({ ...batch, model: last })
  }

  /** Uploads the weights of a model if its body has those of another. Passes submitted before still run with the others. */
  private load(model: number): LiveBody {
    const at = this.blueprint.bodyOf[model]!
    const body = this.bodies[at]!
    if (body.loaded !== model) writePacked(this.memory.storage, this.blueprint.bodies[at]!.state, this.packed[model]!)
    body.loaded = model
    return body
  }

  /** Sample `i` of a kept tensor of the last batch, which the last model ran. Nothing may have been submitted since. */
  async readKept(name: Kept, i: number): Promise<Float32Array> {
    const at = this.blueprint.bodyOf.at(-1)!
    const t = this.blueprint.bodies[at]!.kept![name]
    const { buffer, offset } = this.bodies[at]!.runner.place(t)
    const bytes = bytesOf(t) / t.shape[0]!
    return new Float32Array(await readBuffer(this.device, buffer, offset + i * bytes, bytes))
  }

  /** Runs all batches, two in flight at a time, and hands their outputs to `use` in order. Waits for the promises `use` returns. */
  async runAll<Batch extends InferenceBatch>(
    batches: AsyncIterable<Batch>,
    use: (outputs: Record<Name, Float32Array>, batch: Batch) => void | Promise<void>,
  ): Promise<void> {
    const pending = new InFlight()
    try {
      for await (const batch of batches) {
        pending.add(this.run(batch).then(outputs => use(outputs, batch)))
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

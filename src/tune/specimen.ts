import type { Device } from '../gpu/device.ts'
import type { Pipelines } from '../gpu/pipelines.ts'
import type { AdapterFacts, Call } from '../graph/kernel.ts'
import { bytesOf, isTensor, type Tensor, tensor } from '../graph/tensor.ts'
import { makePlan } from '../plan/plan.ts'
import { Runner, SlotPool } from '../plan/runner.ts'
import { Storage } from '../plan/storage.ts'
import { RandomStream } from '../util/random.ts'

/** Length of the repeating table of random values: a prime, so that it does not align with any axis. */
const TABLE = 65_521

/** A specimen ready to run as one variant. */
export interface Candidate {
  variant: string
  runner: Runner
  pool: SlotPool
  /** tensors that it writes and a later kernel may read */
  outputs: readonly Tensor[]
  /** fastest run so far, in seconds */
  best: number
}

/**
 * A call isolated from its step. It can run as any variant, always on the same random values. It includes the deferred calls whose
 * results it reads, since their cost is part of the variant's.
 */
export class Specimen {
  readonly call: Call
  private readonly calls: readonly Call[]
  private readonly device: Device
  private readonly pipelines: Pipelines
  private readonly facts: AdapterFacts
  private readonly storage: Storage
  /** all tensors of the calls, in a fixed order */
  private readonly tensors: readonly Tensor[]
  /** those that some candidate binds */
  private readonly bound = new Set<Tensor>()

  constructor(device: Device, pipelines: Pipelines, facts: AdapterFacts, calls: readonly Call[]) {
    this.device = device
    this.pipelines = pipelines
    this.facts = facts
    const lasting = new Map<Tensor, Tensor>()
    this.calls = calls.map(each => ({ ...each, args: replaceTensors(each.args, lasting) }))
    this.call = this.calls.at(-1)!
    this.tensors = [...lasting.values()]
    this.storage = new Storage(device)
  }

  /** Plans, allocates and compiles. Throws OutOfMemoryError. */
  async prepare(variant: string): Promise<Candidate> {
    const { device, call, calls, storage, facts } = this
    const plan = makePlan(variant, calls, [], facts, { choice: each => (each === call ? variant : undefined) })
    const used = plan.dispatches.flatMap(({ bound }) => bound).filter(({ tensor }) => tensor.kind !== 'temporary')
    await device.guarded(call.label, () => {
      for (const { tensor } of used) if (!this.bound.has(tensor)) storage.addTensor(tensor)
      for (const { tensor } of used) this.bound.add(tensor)
    })
    const outputs = new Set(used.filter(({ writes }) => writes).map(({ tensor }) => tensor))
    const pool = await SlotPool.allocate(device, [plan])
    try {
      const runner = await Runner.prepare(plan, { device, pipelines: this.pipelines, storage, pool })
      return { variant, runner, pool, outputs: [...outputs], best: Number.POSITIVE_INFINITY }
    } catch (error) {
      pool.destroy()
      throw error
    }
  }

  /** Runs a candidate once, with scratch memory poisoned, and reads its outputs (u32 as raw bits). */
  async run(candidate: Candidate): Promise<Map<Tensor, Float32Array>> {
    const { runner, pool, outputs } = candidate
    this.tensors.forEach((t, i) => {
      if (this.bound.has(t)) this.storage.write(t, madeUp(t, i))
    })
    pool.poison()
    await this.device.idle()
    const started = performance.now()
    await this.device.guarded(this.call.label, () => runner.submit())
    await this.device.idle()
    candidate.best = (performance.now() - started) / 1000
    const values = new Map<Tensor, Float32Array>()
    for (const t of outputs) values.set(t, await runner.read(t))
    return values
  }

  destroy(): void {
    this.storage.destroy()
  }
}

/** Replaces temporaries by tensors that outlive a step, so that none needs an earlier kernel. Equal tensors stay equal. */
function replaceTensors(value: unknown, lasting: Map<Tensor, Tensor>): unknown {
  if (isTensor(value)) {
    const own = lasting.get(value) ?? tensor(value.name, value.shape, 'input', value.dtype)
    lasting.set(value, own)
    return own
  }
  if (Array.isArray(value)) return value.map(item => replaceTensors(item, lasting))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, replaceTensors(item, lasting)]))
}

/** Seeded values in [−1, 1), or ±[0.5, 1) as f16; in [0.5, 1.5) for vectors and tables, which may be variances; random bits for u32. */
function madeUp(t: Tensor, seed: number): Float32Array | Uint32Array {
  const random = new RandomStream({ seed, operation: 0 })
  const length = bytesOf(t) / 4
  const table = { length: Math.min(TABLE, length) }
  const isTable = t.shape.length < 3
  if (t.dtype === 'f32') {
    const [low, high] = isTable ? [0.5, 1.5] : [-1, 1]
    return repeated(
      Float32Array.from(table, () => random.uniform(low, high)),
      new Float32Array(length),
    )
  }
  // Two f16 per word: mantissas are random, and signs unless it is a table.
  const word = (bits: number): number =>
    t.dtype === 'u32' ? bits : (bits & (isTable ? 0x03ff03ff : 0x83ff83ff)) | 0x38003800
  return repeated(
    Uint32Array.from(table, () => word(random.bits())),
    new Uint32Array(length),
  )
}

function repeated<Values extends Float32Array | Uint32Array>(table: Values, into: Values): Values {
  for (let at = 0; at < into.length; at += table.length) into.set(table.subarray(0, into.length - at), at)
  return into
}

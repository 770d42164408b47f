import type { Device } from '../gpu/device.ts'
import type { Pipelines } from '../gpu/pipelines.ts'
import type { Call } from '../graph/kernel.ts'
import { isTensor, type Tensor, tensor } from '../graph/tensor.ts'
import { makePlan } from '../plan/plan.ts'
import { Runner, SlotPool } from '../plan/runner.ts'
import { Storage } from '../plan/storage.ts'
import { RandomStream } from '../util/random.ts'
import { sizeOf } from '../util/shape.ts'

/** Length of the table that values are taken from, over and over: a prime, so that no axis repeats with it. */
const TABLE = 65_521

/** A specimen made ready to run as one variant. */
export interface Candidate {
  variant: string
  runner: Runner
  pool: SlotPool
  /** what it writes and a later kernel may read */
  outputs: readonly Tensor[]
}

/** A call taken out of its step: it runs alone, as any variant, on made-up values that are the same for all of them. */
export class Specimen {
  readonly call: Call
  /** whether any tensor is stored as f16 */
  readonly isHalf: boolean
  private readonly device: Device
  private readonly pipelines: Pipelines
  private readonly storage: Storage
  private readonly tensors: readonly Tensor[]

  private constructor(device: Device, pipelines: Pipelines, call: Call, tensors: readonly Tensor[]) {
    this.device = device
    this.pipelines = pipelines
    this.call = call
    this.tensors = tensors
    this.isHalf = tensors.some(({ dtype }) => dtype !== 'f32' && dtype !== 'u32')
    this.storage = new Storage(device)
  }

  /** Gives every tensor of the call memory of its own. Throws OutOfMemoryError when there is no room. */
  static async make(device: Device, pipelines: Pipelines, call: Call): Promise<Specimen> {
    const lasting = new Map<Tensor, Tensor>()
    const args = replaceTensors(call.args, lasting)
    const specimen = new Specimen(device, pipelines, { ...call, args }, [...lasting.values()])
    try {
      await device.guarded(call.label, () => {
        for (const t of specimen.tensors) specimen.storage.addTensor(t)
      })
    } catch (error) {
      specimen.destroy()
      throw error
    }
    return specimen
  }

  async prepare(variant: string): Promise<Candidate> {
    const { device, call, storage } = this
    const plan = makePlan(variant, [call], [], device.facts, { choice: () => variant })
    const written = plan.dispatches.flatMap(({ bound }) => bound.filter(({ writes }) => writes))
    const outputs = new Set(written.map(({ tensor }) => tensor).filter(({ kind }) => kind !== 'temporary'))
    const pool = await SlotPool.allocate(device, [plan])
    try {
      const runner = await Runner.prepare(device, this.pipelines, storage, pool, plan)
      return { variant, runner, pool, outputs: [...outputs] }
    } catch (error) {
      pool.destroy()
      throw error
    }
  }

  /** Runs a candidate once, on the values that all get, with scratch memory poisoned, and reads what it wrote (u32 as its bits). */
  async run({ runner, pool, outputs }: Candidate): Promise<Map<Tensor, Float32Array>> {
    this.tensors.forEach((t, i) => {
      this.storage.write(t, madeUp(t, i))
    })
    pool.poison()
    await this.device.guarded(this.call.label, () => runner.submit())
    const values = new Map<Tensor, Float32Array>()
    for (const t of outputs) values.set(t, await runner.read(t))
    return values
  }

  destroy(): void {
    this.storage.destroy()
  }
}

/** The same arguments on tensors that outlive a step, so that none needs an earlier kernel; tensors that are one stay one. */
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

/** Seeded values in [−1, 1); in [0.5, 1.5) for a vector or a table, which may be a variance or a count; random bits for u32. */
function madeUp(t: Tensor, seed: number): Float32Array | Uint32Array {
  const random = new RandomStream({ seed, operation: 0 })
  const low = t.shape.length < 3 ? 0.5 : -1
  const size = sizeOf(t.shape)
  const table = { length: Math.min(TABLE, size) }
  if (t.dtype === 'u32')
    return repeated(
      Uint32Array.from(table, () => random.bits()),
      new Uint32Array(size),
    )
  return repeated(
    Float32Array.from(table, () => random.uniform(low, low < 0 ? 1 : 1.5)),
    new Float32Array(size),
  )
}

function repeated<Values extends Float32Array | Uint32Array>(table: Values, into: Values): Values {
  for (let at = 0; at < into.length; at += table.length) into.set(table.subarray(0, into.length - at), at)
  return into
}

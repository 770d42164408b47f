import type { Device } from '../../src/gpu/device.ts'
import type { Pipelines } from '../../src/gpu/pipelines.ts'
import type { AdapterFacts, Call } from '../../src/graph/kernel.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import type { Choice } from '../../src/plan/lower.ts'
import { makePlan, type Plan } from '../../src/plan/plan.ts'
import { Runner, SlotPool } from '../../src/plan/runner.ts'
import { Storage } from '../../src/plan/storage.ts'

/** An open adapter and its pipelines. */
export interface Gpu {
  device: Device
  pipelines: Pipelines
}

/** Recorded calls with their inputs and settings. */
export interface Recorded {
  name: string
  calls: readonly Call[]
  /** tensors that the host reads; dead calls are dropped */
  outputs: readonly Tensor[]
  values: ReadonlyMap<Tensor, Float32Array | Uint32Array>
  /** the adapter's by default */
  facts?: AdapterFacts
  /** the rules by default */
  choice?: Choice
}

/** Recorded calls with allocated memory, ready to be submitted repeatedly. */
export class Prepared {
  readonly plan: Plan
  readonly runner: Runner
  private readonly storage: Storage
  private readonly pool: SlotPool

  private constructor(plan: Plan, runner: Runner, storage: Storage, pool: SlotPool) {
    this.plan = plan
    this.runner = runner
    this.storage = storage
    this.pool = pool
  }

  /** Allocates, uploads the values and poisons the rest. Throws OutOfMemoryError. */
  static async make({ device, pipelines }: Gpu, recorded: Recorded): Promise<Prepared> {
    const { name, calls, outputs, facts = device.facts, choice } = recorded
    const plan = makePlan(name, calls, outputs, facts, choice ? { choice } : {})
    const storage = new Storage(device)
    await device.guarded(name, () => {
      for (const [t, data] of recorded.values) {
        storage.addTensor(t)
        storage.write(t, data)
      }
    })
    const pool = await SlotPool.allocate(device, [plan])
    pool.poison()
    return new Prepared(plan, await Runner.prepare(plan, { device, pipelines, storage, pool }), storage, pool)
  }

  /** A tensor's values once all submitted work is done. */
  async read(t: Tensor): Promise<Float32Array | Uint32Array> {
    const values = await this.runner.read(t)
    return t.dtype === 'u32' ? new Uint32Array(values.buffer) : values
  }

  destroy(): void {
    this.pool.destroy()
    this.storage.destroy()
  }
}

/** Bytes that the dispatches bind, counted once per binding and dispatch: a lower bound of the bytes moved. */
export function boundBytes({ dispatches }: Plan): number {
  return dispatches.flatMap(({ bound }) => bound).reduce((sum, { length }) => sum + length * 4, 0)
}

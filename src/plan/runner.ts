import {
  BUFFER_ALIGNMENT,
  destroyBuffer,
  queryBuffer,
  readBuffer,
  storageBuffer,
  uniformBuffer,
} from '../gpu/buffers.ts'
import type { Device } from '../gpu/device.ts'
import type { Pipelines } from '../gpu/pipelines.ts'
import { bytesFor, bytesOf, elementBytes, type Tensor } from '../graph/tensor.ts'
import type { Lowered } from './lower.ts'
import { type Plan, sharedSlotSizes } from './plan.ts'
import { floatsOf, type Place, type Storage } from './storage.ts'
import { slowSeconds } from './submits.ts'

interface Command {
  label: string
  pipeline: GPUComputePipeline
  group: GPUBindGroup
  workgroups: [number, number, number]
  flops: number
  /** seconds on a slow GPU */
  work: number
}

/** The time of one kernel, run in isolation. */
export interface KernelTime {
  label: string
  shader: string
  /** GPU time; wall clock including submission if the adapter has no timestamps */
  seconds: number
  flops: number
}

/** A quiet NaN, both as f32 and as two f16. Tests fill memory with it to detect elements that no kernel wrote. */
const POISON = 0x7fc07fc0

/** The buffers for the temporaries of several plans. Only one plan runs at a time, so they share the slots. */
export class SlotPool {
  readonly buffers: GPUBuffer[] = []
  private readonly device: Device

  private constructor(device: Device) {
    this.device = device
  }

  /** Allocates slots for all `plans`. Throws OutOfMemoryError; nothing is allocated then. */
  static async allocate(device: Device, plans: readonly Plan[]): Promise<SlotPool> {
    const pool = new SlotPool(device)
    try {
      await device.guarded('working memory', () => {
        for (const [i, bytes] of sharedSlotSizes(plans).entries())
          pool.buffers.push(storageBuffer(device, `slot ${i}`, bytes))
      })
      return pool
    } catch (error) {
      pool.destroy()
      throw error
    }
  }

  /** Fills every slot with NaN. */
  poison(): void {
    for (const buffer of this.buffers)
      this.device.gpu.queue.writeBuffer(buffer, 0, new Uint32Array(buffer.size / 4).fill(POISON))
  }

  destroy(): void {
    for (const buffer of this.buffers) destroyBuffer(this.device, buffer)
  }
}

/** What a plan runs on. */
export interface RunnerResources {
  device: Device
  pipelines: Pipelines
  /** of the tensors that outlive a step */
  storage: Storage
  /** of the temporaries */
  pool: SlotPool
}

/**
 * A plan ready to run: pipelines, bind groups and uniforms exist, and `submit` replays them.
 * A step creates nothing but its command encoders.
 */
export class Runner {
  readonly plan: Plan
  private readonly device: Device
  private readonly storage: Storage
  private readonly pool: SlotPool
  private readonly commands: Command[] = []
  /** first command of each submit after the first */
  private cuts: number[] = []

  private constructor(plan: Plan, { device, storage, pool }: RunnerResources) {
    this.plan = plan
    this.device = device
    this.storage = storage
    this.pool = pool
  }

  static async prepare(plan: Plan, on: RunnerResources): Promise<Runner> {
    const { device, pipelines } = on
    const made = await Promise.all(plan.dispatches.map(({ key }) => pipelines.get(key)))
    const runner = new Runner(plan, on)
    const uniforms = new UniformTable(device, plan)
    await device.guarded(`plan ${plan.name}`, () => {
      plan.dispatches.forEach((dispatch, i) => {
        const { gpu: pipeline, layout } = made[i]!
        const entries = runner.entries(dispatch, uniforms)
        const group = device.gpu.createBindGroup({ label: dispatch.label, layout, entries })
        const { label, workgroups, flops } = dispatch
        runner.commands.push({ label, pipeline, group, workgroups, flops, work: slowSeconds(dispatch) })
      })
    })
    return runner
  }

  private entries(dispatch: Lowered, uniforms: UniformTable): GPUBindGroupEntry[] {
    const entries: GPUBindGroupEntry[] = dispatch.bound.map(({ binding, tensor, offset, length }) => {
      const place = this.place(tensor)
      const start = place.offset + offset * elementBytes(tensor.dtype)
      return { binding, resource: { buffer: place.buffer, offset: start, size: bytesFor(length, tensor.dtype) } }
    })
    if (dispatch.params)
      entries.push({ binding: dispatch.params.binding, resource: uniforms.resource(dispatch.params.data) })
    return entries
  }

  /** Where a tensor is stored while this plan runs. */
  place(t: Tensor): Place {
    const slot = this.plan.slots.slotOf.get(t)
    return slot === undefined ? this.storage.place(t) : { buffer: this.pool.buffers[slot]!, offset: 0 }
  }

  /** A tensor's values after this plan, once all submitted work is done (u32 as raw bits, f16 as f32). */
  async read(t: Tensor): Promise<Float32Array<ArrayBuffer>> {
    const { buffer, offset } = this.place(t)
    return floatsOf(t, await readBuffer(this.device, buffer, offset, bytesOf(t)))
  }

  /** Cuts the replay into `count` submits of roughly equal work, and before the commands `at`. */
  slice(count: number, at: readonly number[] = []): void {
    const cuts: number[] = []
    const total = this.slowSeconds
    let done = 0
    this.commands.forEach(({ work }, i) => {
      const next = cuts.length + 1
      if (i > 0 && next < count && done >= (next * total) / count) cuts.push(i)
      done += work
    })
    const inner = at.filter(i => i > 0 && i < this.commands.length)
    this.cuts = [...new Set([...cuts, ...inner])].sort((a, b) => a - b)
  }

  /** Seconds of a replay on a slow GPU. */
  get slowSeconds(): number {
    return this.commands.reduce((sum, { work }) => sum + work, 0)
  }

  /**
   * Submits the plan without waiting. `before` can record copies of inputs ahead of the first pass, `after` copies of outputs
   * behind the last. `timestampWrites` times the compute pass; it requires a replay of a single submit. `submitted` hears after each submit how
   * many commands that makes.
   */
  submit(
    after?: (encoder: GPUCommandEncoder) => void,
    before?: (encoder: GPUCommandEncoder) => void,
    timestampWrites?: GPUComputePassTimestampWrites,
    submitted?: (commands: number) => void,
  ): void {
    const ends = [...this.cuts, this.commands.length]
    let at = 0
    for (const end of ends) {
      const encoder = this.device.gpu.createCommandEncoder()
      if (at === 0) before?.(encoder)
      const pass = encoder.beginComputePass(timestampWrites ? { timestampWrites } : {})
      for (; at < end; at++) dispatch(pass, this.commands[at]!)
      pass.end()
      if (end === this.commands.length) after?.(encoder)
      this.device.gpu.queue.submit([encoder.finish()])
      submitted?.(end)
    }
  }

  /**
   * Eager mode, for debugging and profiles: each kernel runs in a separate pass, and an error names its kernel. Times come from
   * timestamps; without them, from the wall clock, with a wait after each kernel.
   */
  async profile(): Promise<KernelTime[]> {
    const seconds = this.device.facts.features.has('timestamp-query')
      ? await this.timestamped()
      : await this.waitedFor()
    return this.commands.map(({ label, flops }, i) => {
      const { key } = this.plan.dispatches[i]!
      return { label, shader: `${key.shader}:${key.entry}`, seconds: seconds[i]!, flops }
    })
  }

  private async waitedFor(): Promise<number[]> {
    const seconds: number[] = []
    for (const command of this.commands) {
      const started = performance.now()
      await this.alone(command)
      await this.device.idle()
      seconds.push((performance.now() - started) / 1000)
    }
    return seconds
  }

  /** Submits one kernel. An error names it. */
  private alone(command: Command, timestampWrites?: GPUComputePassTimestampWrites): Promise<void> {
    return this.device.guarded(command.label, () => {
      const encoder = this.device.gpu.createCommandEncoder()
      const pass = encoder.beginComputePass(timestampWrites ? { timestampWrites } : {})
      dispatch(pass, command)
      pass.end()
      this.device.gpu.queue.submit([encoder.finish()])
    })
  }

  private async timestamped(): Promise<number[]> {
    const { gpu } = this.device
    const seconds: number[] = []
    const querySet = gpu.createQuerySet({ type: 'timestamp', count: MAX_QUERIES })
    const resolved = queryBuffer(this.device, 'timestamps', MAX_QUERIES * 8)
    for (let from = 0; from < this.commands.length; from += MAX_QUERIES / 2) {
      const part = this.commands.slice(from, from + MAX_QUERIES / 2)
      for (const [i, command] of part.entries())
        await this.alone(command, { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 })
      const encoder = gpu.createCommandEncoder()
      encoder.resolveQuerySet(querySet, 0, 2 * part.length, resolved, 0)
      gpu.queue.submit([encoder.finish()])
      const stamps = new BigUint64Array(await readBuffer(this.device, resolved, 0, 16 * part.length))
      seconds.push(...part.map((_, i) => Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1e9))
    }
    querySet.destroy()
    destroyBuffer(this.device, resolved)
    return seconds
  }
}

/** WebGPU's limit on the size of a query set. */
const MAX_QUERIES = 4096

function dispatch(pass: GPUComputePassEncoder, { pipeline, group, workgroups }: Command): void {
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, group)
  pass.dispatchWorkgroups(...workgroups)
}

/** The uniform parameters of all dispatches of a plan in one buffer. Equal blocks are stored once. */
class UniformTable {
  private readonly buffer: GPUBuffer | undefined
  private readonly places = new Map<string, { offset: number; size: number }>()

  constructor(device: Device, plan: Plan) {
    let bytes = 0
    const blocks: [number, ArrayBuffer][] = []
    for (const { params } of plan.dispatches) {
      if (!params || this.places.has(contentOf(params.data))) continue
      this.places.set(contentOf(params.data), { offset: bytes, size: params.data.byteLength })
      blocks.push([bytes, params.data])
      bytes += Math.ceil(params.data.byteLength / BUFFER_ALIGNMENT) * BUFFER_ALIGNMENT
    }
    if (bytes === 0) return
    this.buffer = uniformBuffer(device, `${plan.name} params`, bytes)
    const image = new Uint8Array(bytes)
    for (const [offset, data] of blocks) image.set(new Uint8Array(data), offset)
    device.gpu.queue.writeBuffer(this.buffer, 0, image)
  }

  resource(data: ArrayBuffer): GPUBufferBinding {
    return { buffer: this.buffer!, ...this.places.get(contentOf(data))! }
  }
}

function contentOf(data: ArrayBuffer): string {
  return String.fromCharCode(...new Uint8Array(data))
}

import type { AdapterFacts } from '../graph/kernel.ts'
import type { Precision } from '../graph/tensor.ts'
import { messageOf } from '../util/error.ts'
import { openAdapter } from './adapter.ts'
import type { OpenAdapter } from './adapter_info.ts'

/** Milliseconds within which Dawn says that the device is lost, after work on it has failed. */
const LOSS_IS_SAID = 500

/** The adapter disappeared or its driver failed. Nothing on the device can be read any more. */
export class DeviceLostError extends Error {
  override name = 'DeviceLostError'
}

/** Dawn rejected a call: a bug here, or a limit that was exceeded. */
export class GpuError extends Error {
  override name = 'GpuError'
}

/** The adapter has not enough memory for a buffer. */
export class OutOfMemoryError extends Error {
  override name = 'OutOfMemoryError'
}

/** Seconds. Desktop systems reset a GPU that does not respond for a second or two. */
const LONGEST_SUBMIT = 0.5

/** Features to request if the adapter has them. */
const WELCOME_FEATURES = [
  'timestamp-query',
  'shader-f16',
  'subgroups',
  'subgroup-size-control',
  'chromium-experimental-subgroup-matrix',
] as const

/** Limits raised to the adapter's maximum. All others keep WebGPU's guaranteed values. */
const RAISED_LIMITS = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const

/** An open device: the GPU object, its facts, and the errors it has reported since the last check. */
export class Device {
  readonly gpu: GPUDevice
  readonly facts: AdapterFacts
  readonly name: string
  readonly opened: OpenAdapter
  /** bytes; no buffer may be larger */
  readonly maxBufferBytes: number
  private readonly errors: Error[] = []
  private loss: DeviceLostError | undefined
  private isClosed = false
  /** bytes of all existing buffers */
  allocated = 0

  private constructor(gpu: GPUDevice, opened: OpenAdapter, facts: AdapterFacts, maxBufferBytes: number) {
    this.gpu = gpu
    this.opened = opened
    this.name = opened.name
    this.facts = facts
    this.maxBufferBytes = maxBufferBytes
    gpu.addEventListener('uncapturederror', event => {
      const { error } = event as GPUUncapturedErrorEvent
      this.errors.push(new GpuError(messageOf(error)))
    })
    gpu.lost.then(({ reason, message }) => {
      if (!this.isClosed) this.loss = new DeviceLostError(`${this.name}: device lost: ${firstLine(message) || reason}`)
    })
  }

  /**
   * Opens an adapter by part of its name or index; the best one by default. `precision` is the storage type of activations, f32 by
   * default. The other options lower limits, for tests.
   */
  static async open(
    wanted?: string,
    options: { precision?: Precision; maxBindingBytes?: number; maxBufferBytes?: number } = {},
  ): Promise<Device> {
    const opened = await openAdapter(wanted)
    const gpu = await requestDevice(opened)
    const { maxBindingBytes = Number.POSITIVE_INFINITY, maxBufferBytes = Number.POSITIVE_INFINITY } = options
    const { subgroupMinSize: min, subgroupMaxSize: max, subgroupMatrices } = opened.info
    const facts: AdapterFacts = {
      maxBindingBytes: Math.min(gpu.limits.maxStorageBufferBindingSize, maxBindingBytes),
      maxWorkgroupInvocations: gpu.limits.maxComputeInvocationsPerWorkgroup,
      maxWorkgroupMemory: gpu.limits.maxComputeWorkgroupStorageSize,
      features: new Set(gpu.features),
      software: opened.software,
      ...(opened.software ? {} : { longestSubmit: LONGEST_SUBMIT }),
      subgroupSizes: { min, max },
      subgroupMatrices,
      precision: options.precision ?? 'f32',
    }
    return new Device(gpu, opened, facts, Math.min(gpu.limits.maxBufferSize, maxBufferBytes))
  }

  /** Throws DeviceLostError if the device is lost, otherwise the first error that Dawn has reported since the last call, if any. */
  check(): void {
    this.throwIfLost()
    const error = this.errors.shift()
    if (error) throw error
  }

  /** Throws DeviceLostError if the device is lost. Dawn has all calls on a lost device succeed, but for the mapping of buffers. */
  throwIfLost(): void {
    if (this.loss) throw this.loss
  }

  /** Waits for all submitted work and throws its first error. */
  async idle(): Promise<void> {
    await this.gpu.queue.onSubmittedWorkDone()
    this.check()
  }

  /**
   * Maps a buffer to read and returns a copy of its first `bytes`. Throws DeviceLostError, which Dawn's rejection does not say, or what
   * `check` throws.
   */
  async mapped(buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    let copy: ArrayBuffer
    try {
      await buffer.mapAsync(GPUMapMode.READ)
      copy = buffer.getMappedRange(0, Math.ceil(bytes / 8) * 8).slice(0, bytes)
      buffer.unmap()
    } catch (error) {
      if (!this.loss) await Promise.race([this.gpu.lost, new Promise(resolve => setTimeout(resolve, LOSS_IS_SAID))])
      this.check()
      throw new GpuError(`${this.name}: ${buffer.label} cannot be read (${messageOf(error)})`, { cause: error })
    }
    this.check()
    return copy
  }

  /** Runs `body`. Throws its validation and memory errors as exceptions that name `what`. */
  async guarded<T>(what: string, body: () => T | Promise<T>): Promise<T> {
    this.gpu.pushErrorScope('out-of-memory')
    this.gpu.pushErrorScope('validation')
    let result: T
    let invalid: GPUError | null = null
    let memory: GPUError | null = null
    try {
      result = await body()
    } finally {
      invalid = await this.gpu.popErrorScope()
      memory = await this.gpu.popErrorScope()
    }
    this.throwIfLost()
    if (memory) throw new OutOfMemoryError(`${what}: ${messageOf(memory)}`)
    if (invalid) throw new GpuError(`${what}: ${messageOf(invalid)}`)
    return result
  }

  close(): void {
    this.isClosed = true
    this.gpu.destroy()
  }
}

async function requestDevice({ adapter, name }: OpenAdapter): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice({
      requiredFeatures: WELCOME_FEATURES.filter(feature => adapter.features.has(feature)) as GPUFeatureName[],
      requiredLimits: Object.fromEntries(RAISED_LIMITS.map(limit => [limit, adapter.limits[limit]])),
    })
  } catch (error) {
    throw new GpuError(`${name}: cannot be opened (${firstLine(messageOf(error))})`, { cause: error })
  }
}

/** Dawn adds where in its sources an error arose. */
function firstLine(message: string): string {
  return message.split('\n')[0]!
}

import type { AdapterFacts } from '../graph/kernel.ts'
import type { Precision } from '../graph/tensor.ts'
import { type OpenAdapter, openAdapter } from './adapter.ts'

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

/** Features to request if the adapter has them. */
const WELCOME_FEATURES = [
  'timestamp-query',
  'shader-f16',
  'subgroups',
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
      this.errors.push(new GpuError(error.message))
    })
    gpu.lost.then(({ reason, message }) => {
      if (reason !== 'destroyed') this.errors.push(new DeviceLostError(`${this.name}: device lost: ${message}`))
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
    const { adapter } = opened
    const gpu = await adapter.requestDevice({
      requiredFeatures: WELCOME_FEATURES.filter(feature => adapter.features.has(feature)) as GPUFeatureName[],
      requiredLimits: Object.fromEntries(RAISED_LIMITS.map(limit => [limit, adapter.limits[limit]])),
    })
    const { maxBindingBytes = Number.POSITIVE_INFINITY, maxBufferBytes = Number.POSITIVE_INFINITY } = options
    const { subgroupMinSize: min, subgroupMaxSize: max, subgroupMatrices } = opened.info
    const facts: AdapterFacts = {
      maxBindingBytes: Math.min(gpu.limits.maxStorageBufferBindingSize, maxBindingBytes),
      maxWorkgroupInvocations: gpu.limits.maxComputeInvocationsPerWorkgroup,
      maxWorkgroupMemory: gpu.limits.maxComputeWorkgroupStorageSize,
      features: new Set(gpu.features),
      software: opened.software,
      subgroupSizes: { min, max },
      subgroupMatrices,
      precision: options.precision ?? 'f32',
    }
    return new Device(gpu, opened, facts, Math.min(gpu.limits.maxBufferSize, maxBufferBytes))
  }

  /** Throws the first error that Dawn has reported since the last call, if any. */
  check(): void {
    const error = this.errors.shift()
    if (error) throw error
  }

  /** Waits for all submitted work and throws its first error. */
  async idle(): Promise<void> {
    await this.gpu.queue.onSubmittedWorkDone()
    this.check()
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
    if (memory) throw new OutOfMemoryError(`${what}: ${memory.message}`)
    if (invalid) throw new GpuError(`${what}: ${invalid.message}`)
    return result
  }

  close(): void {
    this.gpu.destroy()
  }
}

import type { Device } from '../src/gpu/device.ts'

type Method = (this: object, ...given: unknown[]) => unknown

/**
 * Counts what a device is asked for, by standing in front of its own methods: every object made, what is recorded and submitted, and
 * the time spent in uploads.
 */
export class Instruments {
  /** GPU objects created, by method: createBuffer, createBindGroup, …; without what `recorded` counts */
  created: Record<string, number> = {}
  /** command encoders, their passes and command buffers, by method. WebGPU has no way to record one twice */
  recorded: Record<string, number> = {}
  submits = 0
  /** in writeBuffer: the copy into staging memory */
  uploadSeconds = 0
  uploadBytes = 0
  /** bytes of all buffers alive, at most, ever since the device is watched */
  peakBytes: number
  private readonly device: Device

  constructor(device: Device) {
    this.device = device
    this.peakBytes = device.allocated
    for (const method of methodsOf(device.gpu).filter(name => name.startsWith('create')))
      if (method === 'createCommandEncoder') this.watchRecording(device.gpu)
      else this.watch(device.gpu, method, () => this.countObject(method))
    this.watchQueue(device.gpu.queue)
  }

  /** Starts counting from zero; the peak stays. */
  reset(): void {
    this.created = {}
    this.recorded = {}
    this.submits = 0
    this.uploadSeconds = 0
    this.uploadBytes = 0
  }

  get objects(): number {
    return Object.values(this.created).reduce((sum, count) => sum + count, 0)
  }

  private countObject(method: string): void {
    this.created[method] = (this.created[method] ?? 0) + 1
    this.peakBytes = Math.max(this.peakBytes, this.device.allocated)
  }

  /** Puts `before` in front of a method of one object; `after` sees what it gives. */
  private watch(target: object, method: string, before: () => void, after?: (made: object) => void): void {
    const original = Reflect.get(target, method) as Method
    const value: Method = (...given) => {
      before()
      const made = original.apply(target, given)
      after?.(made as object)
      return made
    }
    Object.defineProperty(target, method, { value, configurable: true, writable: true })
  }

  private watchRecording(gpu: GPUDevice): void {
    const count = (method: string) => (): void => {
      this.recorded[method] = (this.recorded[method] ?? 0) + 1
    }
    this.watch(gpu, 'createCommandEncoder', count('createCommandEncoder'), encoder => {
      for (const method of ['beginComputePass', 'finish']) this.watch(encoder, method, count(method))
    })
  }

  private watchQueue(queue: GPUQueue): void {
    const write = queue.writeBuffer.bind(queue) as (...given: unknown[]) => undefined
    const watched = (...given: unknown[]): undefined => {
      const started = performance.now()
      write(...given)
      this.uploadSeconds += (performance.now() - started) / 1000
      this.uploadBytes += (given[2] as ArrayBufferView).byteLength
    }
    Object.defineProperty(queue, 'writeBuffer', { value: watched, configurable: true })
    this.watch(queue, 'submit', () => {
      this.submits++
    })
  }
}

function methodsOf(target: object): string[] {
  return Object.getOwnPropertyNames(Object.getPrototypeOf(target))
}

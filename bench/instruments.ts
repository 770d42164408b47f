import type { Device } from '../src/gpu/device.ts'
import type { Upload } from '../src/plan/upload.ts'

type Method = (this: object, ...given: unknown[]) => unknown

/**
 * Wraps the methods of a device to count the objects created, the commands recorded and submitted, and the time spent in uploads.
 */
export class Instruments {
  /** GPU objects created, by method: createBuffer, createBindGroup, …; excludes `recorded` */
  created: Record<string, number> = {}
  /** command encoders, passes and command buffers, by method. WebGPU cannot reuse them */
  recorded: Record<string, number> = {}
  submits = 0
  /** seconds spent copying batches into mapped memory and in writeBuffer */
  uploadSeconds = 0
  uploadBytes = 0
  private isUploading = false
  /** peak bytes of existing buffers since the device has been instrumented */
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

  /** Resets all counts, but not the peak. */
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

  /** Wraps a method of one object: `before` runs first, `after` receives the result. */
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

  /** Also counts an engine's uploads. */
  watchUploads(uploads: Upload): void {
    this.watchWriting(uploads, 'write', given => (given[1] as ArrayBufferView).byteLength)
  }

  /** An upload may call writeBuffer; only the outer call counts. */
  private watchWriting(target: object, method: string, bytesOf: (given: unknown[]) => number): void {
    const write = (Reflect.get(target, method) as Method).bind(target)
    const value: Method = (...given) => {
      if (this.isUploading) return write(...given)
      this.isUploading = true
      const started = performance.now()
      write(...given)
      this.uploadSeconds += (performance.now() - started) / 1000
      this.uploadBytes += bytesOf(given)
      this.isUploading = false
      return undefined
    }
    Object.defineProperty(target, method, { value, configurable: true })
  }

  private watchQueue(queue: GPUQueue): void {
    this.watchWriting(queue, 'writeBuffer', given => (given[2] as ArrayBufferView).byteLength)
    this.watch(queue, 'submit', () => {
      this.submits++
    })
  }
}

function methodsOf(target: object): string[] {
  return Object.getOwnPropertyNames(Object.getPrototypeOf(target))
}

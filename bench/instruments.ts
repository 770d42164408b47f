import type { Device } from '../src/gpu/device.ts'

type Create = (this: GPUDevice, ...given: unknown[]) => unknown

/**
 * Counts what a device is asked for, by standing in front of its own methods: every create… call but that of command encoders
 * (WebGPU has no way to record one twice), and the time spent in uploads.
 */
export class Instruments {
  /** GPU objects created, by method: createBuffer, createBindGroup, … */
  created: Record<string, number> = {}
  encoders = 0
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
    this.watchCreation(device.gpu)
    this.watchQueue(device.gpu.queue)
  }

  /** Starts counting from zero; the peak stays. */
  reset(): void {
    this.created = {}
    this.encoders = 0
    this.submits = 0
    this.uploadSeconds = 0
    this.uploadBytes = 0
  }

  get objects(): number {
    return Object.values(this.created).reduce((sum, count) => sum + count, 0)
  }

  private watchCreation(gpu: GPUDevice): void {
    const prototype = Object.getPrototypeOf(gpu) as Record<string, Create>
    for (const method of Object.getOwnPropertyNames(prototype).filter(name => name.startsWith('create'))) {
      const create = prototype[method]!
      const watched: Create = (...given) => {
        if (method === 'createCommandEncoder') this.encoders++
        else this.created[method] = (this.created[method] ?? 0) + 1
        this.peakBytes = Math.max(this.peakBytes, this.device.allocated)
        return create.apply(gpu, given)
      }
      Object.defineProperty(gpu, method, { value: watched, configurable: true, writable: true })
    }
  }

  private watchQueue(queue: GPUQueue): void {
    const write = queue.writeBuffer.bind(queue) as (...given: unknown[]) => undefined
    const watched = (...given: unknown[]): undefined => {
      const started = performance.now()
      write(...given)
      this.uploadSeconds += (performance.now() - started) / 1000
      this.uploadBytes += (given[2] as ArrayBufferView).byteLength
    }
    const submit = queue.submit.bind(queue)
    const counted = (buffers: Iterable<GPUCommandBuffer>): undefined => {
      this.submits++
      submit(buffers)
    }
    Object.defineProperty(queue, 'writeBuffer', { value: watched, configurable: true })
    Object.defineProperty(queue, 'submit', { value: counted, configurable: true })
  }
}

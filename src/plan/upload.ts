import { destroyBuffer, uploadBuffer } from '../gpu/buffers.ts'
import { type Device, OutOfMemoryError } from '../gpu/device.ts'
import { bytesOf, type Tensor } from '../graph/tensor.ts'
import { type Storage, storedForm } from './storage.ts'

interface Staging {
  buffer: GPUBuffer
  /** its memory, as long as it is mapped */
  mapped: Uint8Array
}

/**
 * Uploads the inputs of a plan before each replay. Staging buffers stay mapped while the GPU does not read them, so the host copies
 * inputs once, into memory that the GPU copies from. Without a free staging buffer, the queue copies them.
 */
export class Upload {
  private readonly device: Device
  private readonly storage: Storage
  private readonly offsets = new Map<Tensor, number>()
  private readonly ring: readonly GPUBuffer[]
  private readonly free: Staging[] = []
  /** holds the inputs written since the last replay; `written` has the bytes of each */
  private current: Staging | undefined
  private readonly written = new Map<Tensor, number>()

  private constructor(device: Device, storage: Storage, inputs: readonly Tensor[], ring: readonly GPUBuffer[]) {
    this.device = device
    this.storage = storage
    this.ring = ring
    let offset = 0
    for (const t of inputs) {
      this.offsets.set(t, offset)
      offset += stagedBytes(t)
    }
    for (const buffer of ring) this.release(buffer)
  }

  /** Uses `depth` staging buffers, or none if memory does not suffice. */
  static async open(device: Device, storage: Storage, inputs: readonly Tensor[], depth: number): Promise<Upload> {
    const bytes = inputs.reduce((sum, t) => sum + stagedBytes(t), 0)
    const ring: GPUBuffer[] = []
    try {
      await device.guarded('staging memory', () => {
        for (let i = 0; i < depth; i++) ring.push(uploadBuffer(device, `staging ${i}`, bytes))
      })
    } catch (error) {
      for (const buffer of ring.splice(0)) destroyBuffer(device, buffer)
      // WebGPU throws a RangeError if memory cannot be mapped.
      if (!(error instanceof OutOfMemoryError || error instanceof RangeError)) throw error
    }
    return new Upload(device, storage, inputs, ring)
  }

  /** Like Storage.write; the submit that calls `record` sees the data. */
  write(t: Tensor, data: Float32Array | Uint32Array): void {
    this.current ??= this.free.shift()
    if (this.current?.mapped.byteLength === 0) this.forsake()
    if (!this.current) {
      this.storage.write(t, data)
      return
    }
    const stored = storedForm(t, data)
    this.current.mapped.set(stored, this.offsets.get(t)!)
    this.written.set(t, stored.byteLength)
  }

  /** A device that is lost takes the memory of its buffers with it. The queue takes what is written, and reading back tells of the loss. */
  private forsake(): void {
    this.current = undefined
    this.free.splice(0)
    this.written.clear()
  }

  /** Records the copies of the inputs written. Call it ahead of the kernels that read them. */
  record(encoder: GPUCommandEncoder): void {
    if (!this.current) return
    const { buffer } = this.current
    buffer.unmap()
    for (const [t, bytes] of this.written) {
      const { buffer: to, offset } = this.storage.place(t)
      encoder.copyBufferToBuffer(buffer, this.offsets.get(t)!, to, offset, bytes)
    }
    this.written.clear()
  }

  /** Call this after the submit. */
  submitted(): void {
    const buffer = this.current?.buffer
    this.current = undefined
    // A closed or lost device cannot map; Device.check reports that.
    buffer
      ?.mapAsync(GPUMapMode.WRITE)
      .then(() => this.release(buffer))
      .catch(() => undefined)
  }

  destroy(): void {
    this.free.splice(0)
    this.current = undefined
    for (const buffer of this.ring) destroyBuffer(this.device, buffer)
  }

  private release(buffer: GPUBuffer): void {
    this.free.push({ buffer, mapped: new Uint8Array(buffer.getMappedRange()) })
  }
}

/** Copies start at multiples of 4 bytes. */
function stagedBytes(t: Tensor): number {
  return Math.ceil(bytesOf(t) / 4) * 4
}

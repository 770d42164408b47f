import { aligned, destroyBuffer, readBuffer, storageBuffer } from '../gpu/buffers.ts'
import type { Device } from '../gpu/device.ts'
import type { Arena } from '../graph/arena.ts'
import { bytesOf, type Tensor } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { fromFloat16, toFloat16 } from '../util/float16.ts'
import { sizeOf } from '../util/shape.ts'

/** Where a tensor is stored. */
export interface Place {
  buffer: GPUBuffer
  /** bytes */
  offset: number
}

/** Memory that outlives a step: one buffer per arena (parameters, gradients, moments) and per single tensor (inputs, counters). */
export class Storage {
  private readonly device: Device
  private readonly arenas = new Map<Arena, GPUBuffer>()
  private readonly singles = new Map<Tensor, GPUBuffer>()
  /** unshared copy of data that other threads share */
  private scratch = new Uint8Array(0)

  constructor(device: Device) {
    this.device = device
  }

  addArena(arena: Arena): void {
    this.arenas.set(arena, storageBuffer(this.device, arena.name, arena.length * 4))
  }

  addTensor(t: Tensor): void {
    this.singles.set(t, storageBuffer(this.device, t.name, bytesOf(t)))
  }

  place(t: Tensor): Place {
    const single = this.singles.get(t)
    if (single) return { buffer: single, offset: 0 }
    for (const [arena, buffer] of this.arenas) if (arena.has(t)) return { buffer, offset: arena.offsetOf(t) * 4 }
    throw new ContractError('storage', t.kind, t.name, 'a tensor with memory')
  }

  /**
   * Queues a copy of `data` to the GPU; later submits see it. `data` may be shorter than the tensor. For an f16 tensor, floats are
   * rounded and each u32 word is taken as two f16.
   */
  write(t: Tensor, data: Float32Array | Uint32Array): void {
    const { buffer, offset } = this.place(t)
    this.device.gpu.queue.writeBuffer(buffer, offset, this.unshared(storedForm(t, data)))
  }

  /** Dawn's writeBuffer crashes on a SharedArrayBuffer. */
  private unshared(data: Uint8Array): Uint8Array<ArrayBuffer> {
    if (data.buffer instanceof ArrayBuffer) return data as Uint8Array<ArrayBuffer>
    if (this.scratch.byteLength < data.byteLength) this.scratch = new Uint8Array(data.byteLength)
    this.scratch.set(data)
    return this.scratch.subarray(0, data.byteLength)
  }

  /** The tensor's values, once all submitted work is done. */
  async read(t: Tensor): Promise<Float32Array<ArrayBuffer>> {
    const { buffer, offset } = this.place(t)
    return floatsOf(t, await readBuffer(this.device, buffer, offset, bytesOf(t)))
  }

  /** Like `read`, for u32 tensors. */
  async readWords(t: Tensor): Promise<Uint32Array<ArrayBuffer>> {
    return new Uint32Array((await this.read(t)).buffer)
  }

  /** The whole of an arena, padding included. */
  async readArena(arena: Arena): Promise<Float32Array<ArrayBuffer>> {
    return new Float32Array(await readBuffer(this.device, this.bufferOf(arena), 0, arena.length * 4))
  }

  writeArena(arena: Arena, data: Float32Array<ArrayBuffer>): void {
    this.device.gpu.queue.writeBuffer(this.bufferOf(arena), 0, data)
  }

  /** Queues a copy of `data` to the elements of an arena from `start` on. */
  writeElements(arena: Arena, start: number, { buffer, byteOffset, byteLength }: Float32Array): void {
    const bytes = this.unshared(new Uint8Array(buffer, byteOffset, byteLength))
    this.device.gpu.queue.writeBuffer(this.bufferOf(arena), start * 4, bytes)
  }

  bufferOf(arena: Arena): GPUBuffer {
    const buffer = this.arenas.get(arena)
    if (!buffer) throw new ContractError('storage', 'arena', arena.name, 'one with memory')
    return buffer
  }

  destroy(): void {
    for (const buffer of [...this.arenas.values(), ...this.singles.values()]) destroyBuffer(this.device, buffer)
    this.arenas.clear()
    this.singles.clear()
  }
}

/** Data in the tensor's storage format; f16 rounds. Throws ContractError if there are more elements than the tensor has. */
export function storedForm(t: Tensor, data: Float32Array | Uint32Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = t.dtype === 'f16' && data instanceof Float32Array ? toFloat16(data) : data
  if (byteLength > bytesOf(t))
    throw new ContractError('storage', `length of ${t.name}`, data.length, `at most ${sizeOf(t.shape)}`)
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** A tensor's bytes as the host reads them: f16 widened to f32, u32 as raw bits. */
export function floatsOf(t: Tensor, bytes: ArrayBuffer): Float32Array<ArrayBuffer> {
  return t.dtype === 'f16' ? fromFloat16(new Uint16Array(bytes, 0, sizeOf(t.shape))) : new Float32Array(bytes)
}

/** Size of a Storage with these arenas and tensors. */
export function storageBytes(arenas: readonly Arena[], tensors: readonly Tensor[]): number {
  return [...arenas.map(({ length }) => length * 4), ...tensors.map(bytesOf)].reduce(
    (sum, bytes) => sum + aligned(bytes),
    0,
  )
}

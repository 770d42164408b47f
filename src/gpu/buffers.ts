import type { Device } from './device.ts'
import { OutOfMemoryError } from './device.ts'

/** A multiple of all alignments that WebGPU requires of sizes and offsets. */
export const BUFFER_ALIGNMENT = 256

export function aligned(bytes: number): number {
  return Math.ceil(bytes / BUFFER_ALIGNMENT) * BUFFER_ALIGNMENT
}

/** A storage buffer of at least `bytes` that can be copied from and to. Throws OutOfMemoryError above the adapter's limit. */
export function storageBuffer(device: Device, label: string, bytes: number): GPUBuffer {
  return makeBuffer(device, label, bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST)
}

export function uniformBuffer(device: Device, label: string, bytes: number): GPUBuffer {
  return makeBuffer(device, label, bytes, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST)
}

/** A buffer that receives resolved queries. */
export function queryBuffer(device: Device, label: string, bytes: number): GPUBuffer {
  return makeBuffer(device, label, bytes, GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC)
}

/** A buffer that the GPU copies into and the host maps to read. */
export function readbackBuffer(device: Device, label: string, bytes: number): GPUBuffer {
  return makeBuffer(device, label, bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST)
}

/** A buffer that the host maps to write and the GPU copies from. It is mapped at creation. */
export function uploadBuffer(device: Device, label: string, bytes: number): GPUBuffer {
  return makeBuffer(device, label, bytes, GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC, true)
}

function makeBuffer(device: Device, label: string, bytes: number, usage: number, mappedAtCreation = false): GPUBuffer {
  const size = aligned(bytes)
  if (size > device.maxBufferBytes)
    throw new OutOfMemoryError(`${label}: ${size} bytes, the adapter's largest buffer is ${device.maxBufferBytes}`)
  device.allocated += size
  try {
    return device.gpu.createBuffer({ label, size, usage, mappedAtCreation })
  } catch (error) {
    device.allocated -= size
    throw error
  }
}

export function destroyBuffer(device: Device, buffer: GPUBuffer): void {
  device.allocated -= buffer.size
  buffer.destroy()
}

/** Copies `bytes` of a buffer to the host. Throws DeviceLostError, or the first error that Dawn has reported. */
export async function readBuffer(device: Device, from: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
  const staging = readbackBuffer(device, 'readback', bytes)
  try {
    const encoder = device.gpu.createCommandEncoder()
    encoder.copyBufferToBuffer(from, offset, staging, 0, Math.ceil(bytes / 4) * 4)
    device.gpu.queue.submit([encoder.finish()])
    return await device.mapped(staging, bytes)
  } finally {
    destroyBuffer(device, staging)
  }
}

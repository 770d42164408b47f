import type { Config } from '../config/schema.ts'
import { destroyBuffer, readbackBuffer } from '../gpu/buffers.ts'
import type { Place } from '../plan/storage.ts'
import type { DeviceState } from '../run/model_weights.ts'
import { sizeOf } from '../util/shape.ts'
import type { TrainingEngine } from './engine.ts'

/**
 * Copies the training state in arrears. The copies are queued behind the work submitted so far, into buffers that are mapped once it is
 * done. One copy at a time.
 */
export class StateCopier {
  private readonly engine: TrainingEngine
  private readonly sources: (Place & { bytes: number })[]
  /** the first sources; words follow */
  private readonly arenas: number
  private readonly staging: GPUBuffer[]

  constructor(engine: TrainingEngine, { compute }: Config) {
    this.engine = engine
    const isHalf = compute.precision === 'f16'
    const { state, optimizer, storage, device } = engine
    const arenas = [state.parameters, state.running, ...optimizer.arenas]
    const words = [state.batchesTracked, optimizer.counts, ...(isHalf ? [state.lossScale] : [])]
    this.arenas = arenas.length
    this.sources = [
      ...arenas.map(arena => ({ buffer: storage.bufferOf(arena), offset: 0, bytes: arena.length * 4 })),
      ...words.map(t => ({ ...storage.place(t), bytes: 4 * sizeOf(t.shape) })),
    ]
    this.staging = this.sources.map(({ bytes }, i) => readbackBuffer(device, `state copy ${i}`, bytes))
  }

  /** Queues the copies. Later submissions do not change them. Rejects if the device is lost. */
  async copy(): Promise<DeviceState> {
    const { device } = this.engine
    const encoder = device.gpu.createCommandEncoder()
    for (const [i, { buffer, offset, bytes }] of this.sources.entries())
      encoder.copyBufferToBuffer(buffer, offset, this.staging[i]!, 0, bytes)
    device.gpu.queue.submit([encoder.finish()])
    const copies = await Promise.all(this.staging.map((buffer, i) => device.mapped(buffer, this.sources[i]!.bytes)))
    const floats = copies.slice(0, this.arenas).map(bytes => new Float32Array(bytes))
    const [parameters, running, first, second, averagedParameters, averagedRunning] = floats
    const [tracked, counts, scale] = copies.slice(this.arenas).map(bytes => new Uint32Array(bytes))
    return {
      parameters: parameters!,
      running: running!,
      averaged: averagedParameters && { parameters: averagedParameters, running: averagedRunning! },
      first: first!,
      second: second!,
      batchesTracked: tracked![0]!,
      step: counts![0]!,
      skipped: counts![1]!,
      lossScale: scale && { exponent: scale[0]!, updates: scale[1]! },
    }
  }

  destroy(): void {
    for (const buffer of this.staging) destroyBuffer(this.engine.device, buffer)
  }
}

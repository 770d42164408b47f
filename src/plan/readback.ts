import { readbackBuffer } from '../gpu/buffers.ts'
import type { Device } from '../gpu/device.ts'
import { bytesOf, type Tensor } from '../graph/tensor.ts'
import type { Runner } from './runner.ts'
import { floatsOf } from './storage.ts'
import { Submits } from './submits.ts'

/**
 * Reads a plan's outputs asynchronously. Each submit copies them into the next buffer of a ring; the buffer is mapped later, so
 * the loop never waits for the step it has just submitted.
 */
export class Readback {
  readonly runner: Runner
  private readonly device: Device
  private readonly tensors: readonly Tensor[]
  private readonly bytes: number
  private readonly free: GPUBuffer[]
  private readonly submits: Submits

  constructor(device: Device, runner: Runner, tensors: readonly Tensor[], depth: number) {
    this.device = device
    this.runner = runner
    this.tensors = tensors
    this.submits = new Submits(runner.slowSeconds, depth, device.facts.longestSubmit)
    this.bytes = tensors.reduce((sum, t) => sum + bytesOf(t), 0)
    this.free = Array.from({ length: depth }, (_, i) =>
      readbackBuffer(device, `${runner.plan.name} outputs ${i}`, this.bytes),
    )
  }

  /**
   * Submits the plan and resolves to the outputs, in the order of the tensors given. At most `depth` submits may be pending.
   * `before` can record commands ahead of the plan. `stops` are numbers of its commands, from 1: `reached` hears of each as soon as so many are
   * submitted, and can submit something of its own.
   */
  submit(
    before?: (encoder: GPUCommandEncoder) => void,
    stops: readonly number[] = [],
    reached?: (commands: number) => void,
  ): Promise<Float32Array[]> {
    const staging = this.free.shift()
    if (!staging) throw new Error(`${this.runner.plan.name}: more steps in flight than readback buffers`)
    this.runner.slice(this.submits.count, stops)
    const submitted = performance.now()
    const copy = (encoder: GPUCommandEncoder): void => {
      let at = 0
      for (const t of this.tensors) {
        const { buffer, offset } = this.runner.place(t)
        encoder.copyBufferToBuffer(buffer, offset, staging, at, bytesOf(t))
        at += bytesOf(t)
      }
    }
    this.runner.submit(copy, before, undefined, reached)
    return this.collect(staging, submitted)
  }

  private async collect(staging: GPUBuffer, submitted: number): Promise<Float32Array[]> {
    const mapped = await this.device.mapped(staging, this.bytes)
    this.submits.took(submitted, performance.now())
    this.free.push(staging)
    let at = 0
    return this.tensors.map(t => {
      const copy = floatsOf(t, mapped.slice(at, at + bytesOf(t)))
      at += bytesOf(t)
      return copy
    })
  }
}

import type { Device } from '../gpu/device.ts'
import type { Runner } from '../plan/runner.ts'

/** A level of the tree: the memory that keeps a sum, and the plan that adds it to the gradients. */
interface Level {
  kept: GPUBuffer
  adding: Runner
  /** the same for each part of the gradients that ranks exchange by itself */
  addingParts: readonly Runner[]
}

/**
 * Sums the gradients of a window as a balanced binary tree in the order of its batches: batches 2i and 2i + 1, then the pairs 2i and 2i + 1,
 * and so on; a sum without a right neighbour moves up as it is. So the gradient of a batch does not depend on the window, and a part of
 * 2^n batches that starts at a multiple of 2^n is summed as it would be alone.
 */
export class WindowSum {
  private readonly device: Device
  private readonly gradients: GPUBuffer
  private readonly levels: readonly Level[]
  /** batches whose gradients are kept; level l keeps a sum if bit l is set */
  private kept = 0
  private isPending = false

  constructor(device: Device, gradients: GPUBuffer, levels: readonly Level[]) {
    this.device = device
    this.gradients = gradients
    this.levels = levels
  }

  /** Call before a batch whose gradient will replace that of the batch before it in the window. */
  next(): void {
    if (this.isPending) this.keep()
    this.isPending = true
  }

  /** Call behind the last batch of a window: its sum is then in the gradients. */
  finish(): void {
    for (const { adding } of this.held()) adding.submit()
    this.end()
  }

  /** As `finish`, for a part whose gradients of the last batch are final. Call `end` once all parts are. */
  finishPart(part: number): void {
    for (const { addingParts } of this.held()) addingParts[part]!.submit()
  }

  end(): void {
    this.kept = 0
    this.isPending = false
  }

  /** The levels that keep a sum, the lowest first. */
  private held(): readonly Level[] {
    return this.levels.filter((_, level) => (this.kept >> level) & 1)
  }

  private keep(): void {
    let level = 0
    for (; (this.kept >> level) & 1; level++) this.levels[level]!.adding.submit()
    const encoder = this.device.gpu.createCommandEncoder()
    encoder.copyBufferToBuffer(this.gradients, 0, this.levels[level]!.kept, 0, this.gradients.size)
    this.device.gpu.queue.submit([encoder.finish()])
    this.kept++
  }
}

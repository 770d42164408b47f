import { Calls } from '../util/calls.ts'
import type { BoxSize, Spacing } from './distance_transform.ts'
import type { SurfaceDistances } from './surface_distance.ts'

/** The masks of one sample. */
export interface SurfaceRequest {
  truth: Uint32Array<ArrayBuffer> // (S, V/32), bit j of word i is voxel 32·i + j
  predicted: Uint32Array<ArrayBuffer> // (S, V/32)
  size: BoxSize // (H, W, D)
  spacing: Spacing
  /** which structures to measure */
  structures: readonly number[]
}

/** Measures the surfaces of samples on threads. Results do not depend on which thread measures a sample. */
export class SurfaceThreads {
  private readonly threads: { calls: Calls<SurfaceRequest, (SurfaceDistances | null)[]>; waiting: number }[]

  /** `threads`: at least 1. Each starts with its first sample. */
  constructor(threads: number) {
    this.threads = Array.from({ length: threads }, () => ({
      calls: new Calls(import.meta.url, 'surface', 'the surface thread'),
      waiting: 0,
    }))
  }

  /** Distances of each of `structures`, in this order; null if ground truth or prediction is empty. Transfers the masks to the thread. */
  async measure(request: SurfaceRequest): Promise<(SurfaceDistances | null)[]> {
    const idlest = this.threads.reduce((best, each) => (each.waiting < best.waiting ? each : best))
    idlest.waiting++
    try {
      return await idlest.calls.ask(request, [request.truth.buffer, request.predicted.buffer])
    } finally {
      idlest.waiting--
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map(({ calls }) => calls.close()))
  }
}

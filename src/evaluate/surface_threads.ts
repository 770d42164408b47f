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

/** Measures the surfaces of samples on threads; which one takes a sample changes nothing of what it finds. */
export class SurfaceThreads {
  private readonly threads: { calls: Calls<SurfaceRequest, (SurfaceDistances | null)[]>; waiting: number }[]

  /** `threads`: at least 1; each is started by the first sample it gets */
  constructor(threads: number) {
    this.threads = Array.from({ length: threads }, () => ({
      calls: new Calls(import.meta.url, 'surface', 'the measuring of surfaces'),
      waiting: 0,
    }))
  }

  /** Of each of `structures`, in their order; null where truth or prediction is empty. The masks are the thread's from now on. */
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

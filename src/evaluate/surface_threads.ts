import { ThreadPool } from '../util/thread_pool.ts'
import type { BoxSize, Spacing } from './distance_transform.ts'
import type { SurfaceDistances } from './surface_distance.ts'

/** The masks of one sample. */
export interface SurfaceRequest {
  truth: Uint32Array<ArrayBuffer> // (S, ⌈V/32⌉), bit j of word i is voxel 32·i + j
  predicted: Uint32Array<ArrayBuffer> // (S, ⌈V/32⌉)
  size: BoxSize // (H, W, D)
  spacing: Spacing
  /** which structures to measure */
  structures: readonly number[]
}

/** Measures the surfaces of samples on threads. */
export class SurfaceThreads {
  private readonly pool: ThreadPool<SurfaceRequest, (SurfaceDistances | null)[]>

  /** `size`: number of threads, at least 1 */
  constructor(size: number) {
    this.pool = new ThreadPool({ beside: import.meta.url, name: 'surface', title: 'the measuring of surfaces', size })
  }

  /** Distances for each of `structures`, in order; null where truth or prediction is empty. The masks are transferred to the thread. */
  measure(request: SurfaceRequest): Promise<(SurfaceDistances | null)[]> {
    return this.pool.ask(request, [request.truth.buffer, request.predicted.buffer])
  }

  close(): Promise<void> {
    return this.pool.close()
  }
}

import { serve } from '../util/thread.ts'
import { SurfaceMeter } from './surface_distance.ts'
import type { SurfaceRequest } from './surface_threads.ts'

const meter = new SurfaceMeter()

serve(({ truth, predicted, size, spacing, structures }: SurfaceRequest) => {
  const words = Math.ceil((size[0] * size[1] * size[2]) / 32)
  return structures.map(s => {
    const at = [s * words, (s + 1) * words] as const
    return meter.measure(truth.subarray(...at), predicted.subarray(...at), size, spacing)
  })
})

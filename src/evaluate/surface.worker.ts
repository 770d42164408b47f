import { parentPort } from 'node:worker_threads'
import type { Answer, Call } from '../util/calls.ts'
import { type SurfaceDistances, SurfaceMeter } from './surface_distance.ts'
import type { SurfaceRequest } from './surface_threads.ts'

const port = parentPort!
const meter = new SurfaceMeter()

port.on('message', ({ id, request }: Call<SurfaceRequest>) => {
  const { truth, predicted, size, spacing, structures } = request
  const words = (size[0] * size[1] * size[2]) / 32
  const result = structures.map(s => {
    const at = [s * words, (s + 1) * words] as const
    return meter.measure(truth.subarray(...at), predicted.subarray(...at), size, spacing)
  })
  port.postMessage({ id, result } satisfies Answer<(SurfaceDistances | null)[]>)
})

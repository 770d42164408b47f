import { OP_INITIALISE, RandomStream } from '../util/random.ts'
import { sizeOf } from '../util/shape.ts'
import type { Entry } from './specification.ts'

/** Initial values of a state dict entry: PyTorch's distributions, drawn from counter-based random numbers. `index` identifies the entry. */
export function initialValues({ shape, initial }: Entry, index: number, seed: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(sizeOf(shape))
  if ('constant' in initial) return values.fill(initial.constant)
  const stream = new RandomStream({ seed, operation: OP_INITIALISE, sample: index })
  const draw =
    'uniform' in initial
      ? () => stream.uniform(-initial.uniform, initial.uniform)
      : () => stream.normal(0, initial.normal)
  return values.map(draw)
}

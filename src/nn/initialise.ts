import { OP_INITIALISE, RandomStream } from '../util/random.ts'
import { sizeOf } from '../util/shape.ts'
import { type Entry, MASK_BIAS } from './specification.ts'

/** How a new model is drawn. */
export interface Initialisation {
  seed: number
  /** the probability that its masks start from; without: PyTorch's distribution, about a half */
  maskPrior?: number | null
}

/**
 * Initial values of a state dict entry: PyTorch's distributions, drawn from counter-based random numbers. `index` identifies the entry.
 * With a prior π the bias of the masks is log(π / (1 − π)): Lin et al., Focal Loss for Dense Object Detection, 2017, section 4.1.
 */
export function initialValues(
  { name, shape, initial }: Entry,
  index: number,
  { seed, maskPrior = null }: Initialisation,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(sizeOf(shape))
  if (name === MASK_BIAS && maskPrior !== null) return values.fill(Math.log(maskPrior / (1 - maskPrior)))
  if ('constant' in initial) return values.fill(initial.constant)
  const stream = new RandomStream({ seed, operation: OP_INITIALISE, sample: index })
  const draw =
    'uniform' in initial
      ? () => stream.uniform(-initial.uniform, initial.uniform)
      : () => stream.normal(0, initial.normal)
  return values.map(draw)
}

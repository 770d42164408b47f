import { advanceLossScale, scaledSeed } from '../../src/optim/loss_scale.ts'
import { defineCase } from '../case.ts'

interface Row {
  exponent: number
  updates: number
  /** of the scaled gradient */
  norm: number
  finite?: boolean
}

const SEED = 0.75
const LIMIT = 0.5
const INTERVAL = 3
const LARGEST = 20

/** A window: the seed of its backward pass, then the effect of its gradient on the scale. */
export default defineCase<Row>({
  operation: 'loss_scale',
  rows: [
    { exponent: 16, updates: 0, norm: 8000 },
    { exponent: 16, updates: 1, norm: 3e5 },
    { exponent: 10, updates: 2, norm: 1 },
    { exponent: LARGEST, updates: 2, norm: 1 },
    { exponent: 16, updates: 2, norm: 12, finite: false },
    { exponent: 0, updates: 1, norm: 12, finite: false },
    { exponent: 0, updates: 2, norm: 0.1 },
  ],
  inputs: ({ exponent, updates, norm, finite = true }) => ({
    scale: { shape: [2], data: Uint32Array.of(exponent, updates), kind: 'state' },
    seed: { shape: [1], data: Float32Array.of(SEED) },
    clip: { shape: [3], data: Float32Array.of(norm, 0, Number(finite)), kind: 'state' },
  }),
  build: (tape, { scale, seed, clip }) => {
    const scaled = scaledSeed(tape, seed!, scale!)
    const used = advanceLossScale(tape, scale!, clip!, { limit: LIMIT, interval: INTERVAL, largest: LARGEST })
    return { scaled, used, scale: scale!, clip: clip! }
  },
  reference: (_, { exponent, updates, norm, finite = true }) => {
    const used = 2 ** exponent
    const grows = updates + 1 >= INTERVAL
    const [after, since] = finite
      ? [grows ? Math.min(exponent + 1, LARGEST) : exponent, grows ? 0 : updates + 1]
      : [Math.max(exponent - 1, 0), 0]
    return {
      scaled: Float64Array.of(SEED * used),
      used: Float64Array.of(used),
      scale: Float64Array.of(after, since),
      clip: Float64Array.of(norm / used, Math.min(1, LIMIT / (norm / used + 1e-6)) / used, Number(finite)),
    }
  },
  tolerance: 1e-6,
  flops: () => 0,
  bytes: () => 0,
})

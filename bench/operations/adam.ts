import { adam } from '../../src/optim/adam.ts'
import { normals } from '../ops/numbers.ts'
import type { Operation } from '../ops/operation.ts'

export interface AdamRow {
  type: 'adam' | 'adamw'
  size: number
  /** number of them to update, from the first */
  elements: number
  /** number of earlier updates */
  step: number
  /** whether the gradient norm is finite */
  finite?: boolean
  weightDecay?: number
  /** binding limit in bytes */
  limit?: number
}

const LEARNING_RATE = 5e-3
const BETAS = [0.9, 0.999] as const
const EPSILON = 1e-8
/** Of the gradient, from clipping. */
const FACTOR = 0.25
/** Consecutive updates. */
const UPDATES = 2

export const adamOperation: Operation<AdamRow> = {
  operation: 'adam',
  inputs: ({ size, step, finite = true }, random) => {
    const gradient = normals(random, size, 0, 2)
    if (!finite) gradient[0] = Number.NaN
    return {
      parameter: { shape: [size], data: normals(random, size), kind: 'state' },
      gradient: { shape: [size], data: gradient, kind: 'state' },
      firstMoment: { shape: [size], data: normals(random, size, 0, 0.1), kind: 'state' },
      secondMoment: { shape: [size], data: normals(random, size, 0, 0.1).map(x => x * x), kind: 'state' },
      counts: { shape: [2], data: Uint32Array.of(step, 3), kind: 'state' },
      learningRate: { shape: [1], data: Float32Array.of(LEARNING_RATE) },
      clip: { shape: [3], data: Float32Array.of(8, FACTOR, Number(finite)) },
    }
  },
  build: (tape, inputs, { type, elements, weightDecay = 1e-4 }) => {
    const { parameter, gradient, firstMoment, secondMoment, counts, learningRate, clip } = inputs
    for (let i = 0; i < UPDATES; i++)
      adam(
        tape,
        {
          parameter: parameter!,
          gradient: gradient!,
          firstMoment: firstMoment!,
          secondMoment: secondMoment!,
          counts: counts!,
          learningRate: learningRate!,
          clip: clip!,
        },
        { type, betas: BETAS, epsilon: EPSILON, weightDecay, elements },
      )
    return { parameter: parameter!, firstMoment: firstMoment!, secondMoment: secondMoment!, counts: counts! }
  },
  reference: (inputs, { type, elements, step, finite = true, weightDecay = 1e-4 }) => {
    const [p, m, v] = [inputs.parameter!.slice(), inputs.firstMoment!.slice(), inputs.secondMoment!.slice()]
    const counts = Float64Array.of(step + (finite ? UPDATES : 0), 3 + (finite ? 0 : UPDATES))
    for (let t = step + 1; finite && t <= step + UPDATES; t++)
      for (let i = 0; i < elements; i++) {
        const g = inputs.gradient![i]! * FACTOR + (type === 'adam' ? weightDecay * p[i]! : 0)
        if (type === 'adamw') p[i]! *= 1 - LEARNING_RATE * weightDecay
        m[i] = BETAS[0] * m[i]! + (1 - BETAS[0]) * g
        v[i] = BETAS[1] * v[i]! + (1 - BETAS[1]) * g * g
        const denominator = Math.sqrt(v[i]! / (1 - BETAS[1] ** t)) + EPSILON
        p[i]! -= (LEARNING_RATE * m[i]!) / (1 - BETAS[0] ** t) / denominator
      }
    return { parameter: p, firstMoment: m, secondMoment: v, counts }
  },
  tolerance: 1e-6,
  limit: row => row.limit,
  flops: () => 0,
  bytes: ({ elements }) => UPDATES * elements * 4 * 7,
}

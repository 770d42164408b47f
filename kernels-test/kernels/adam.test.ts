import { expect, test } from 'vitest'
import { Tape } from '../../src/graph/tape.ts'
import { type Tensor, tensor } from '../../src/graph/tensor.ts'
import { adam } from '../../src/optim/adam.ts'
import { gradientNorm } from '../../src/optim/clip.ts'
import { runOnce, testDevice } from '../harness.ts'
import { relativeError } from '../numbers.ts'

const at = await testDevice()

const GRADIENTS = [
  [0.5, -1, 1e-3],
  [-2, 0.25, 0],
  [1, 1, -4],
]

/** Steps from (1, −2, 0.5) along `gradients`, clipped at `limit`; rate 0.01, weight decay 0.1. */
async function descend(type: 'adam' | 'adamw', gradients: number[][], limit: number) {
  const tape = new Tape()
  const values = new Map<Tensor, Float32Array | Uint32Array>()
  const state = (name: string, data: number[]): Tensor => {
    const t = tensor(name, [data.length], 'state')
    values.set(t, Float32Array.from(data))
    return t
  }
  const counts = tensor('counts', [2], 'state', 'u32')
  values.set(counts, new Uint32Array(2))
  const kept = {
    parameter: state('parameter', [1, -2, 0.5]),
    firstMoment: state('first moment', [0, 0, 0]),
    secondMoment: state('second moment', [0, 0, 0]),
    counts,
  }
  const learningRate = state('learning rate', [0.01])
  for (const [i, numbers] of gradients.entries()) {
    const gradient = state(`gradient ${i}`, numbers)
    const clip = gradientNorm(tape, gradient, { elements: 3, limit })
    const settings = { type, betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.1, elements: 3 } as const
    adam(tape, { ...kept, gradient, learningRate, clip }, settings)
  }
  return runOnce(at, tape, values, kept)
}

// Known answers: torch.optim.AdamW and Adam, float64, lr 0.01, weight_decay 0.1, the same three gradients.
test.each([
  [
    'adamw',
    [0.9937141656979287, -1.9811828970305, 0.4882146441980268],
    [-0.0395, 0.0415, -0.399919],
    [0.00524550025, 0.0020604385, 0.016000000998001],
  ],
  [
    'adam',
    [0.9954327498837879, -1.9830706182990094, 0.48626150513659616],
    [-0.01253919253099091, -0.012446215977467485, -0.3866588757055372],
    [0.005178385565212427, 0.002082343065892301, 0.015623288576782248],
  ],
] as const)('%s steps as torch.optim does', async (type, parameter, firstMoment, secondMoment) => {
  const found = await descend(type, GRADIENTS, Number.POSITIVE_INFINITY)
  expect(relativeError(found.parameter!, parameter)).toBeLessThanOrEqual(2e-7)
  expect(relativeError(found.firstMoment!, firstMoment)).toBeLessThanOrEqual(1e-6)
  expect(relativeError(found.secondMoment!, secondMoment)).toBeLessThanOrEqual(1e-6)
  expect([...found.counts!]).toEqual([3, 0])
})

test('a gradient that is not finite is skipped as if it had not been', async () => {
  const clean = await descend('adamw', GRADIENTS, 0.5)
  const faulty = await descend('adamw', [GRADIENTS[0]!, [1, Number.NaN, 1], GRADIENTS[1]!, GRADIENTS[2]!], 0.5)
  expect([...faulty.counts!]).toEqual([3, 1])
  for (const name of ['parameter', 'firstMoment', 'secondMoment']) expect(faulty[name]).toEqual(clean[name])
})

test('a gradient whose norm overflows is skipped', async () => {
  const found = await descend('adamw', [[3e38, 3e38, 0]], 0.5)
  expect([...found.counts!]).toEqual([0, 1])
  expect([...found.parameter!]).toEqual([1, -2, 0.5])
})

import { describe, expect, test } from 'vitest'
import { Tape } from '../../src/graph/tape.ts'
import { type Tensor, tensor } from '../../src/graph/tensor.ts'
import { lower } from '../../src/plan/lower.ts'
import type { CaseInput } from '../case.ts'
import { type AugmentRow, augmentInputs, buildAugment, labelReference, rows } from '../cases/augment.ts'
import { doubles, runOnce, testDevice } from '../harness.ts'
import { randomOf } from '../numbers.ts'

const at = await testDevice()

/**
 * Share of mask voxels that may differ from the float64 reference where a sample was rotated or deformed: float32 coordinates err by about
 * 1e-5 voxels on these volumes, so a source place that near the middle between two voxels may round the other way.
 */
const TIES = 1e-4

function recordInputs(inputs: Record<string, CaseInput>) {
  const tensors: Record<string, Tensor> = {}
  const values = new Map<Tensor, Float32Array | Uint32Array>()
  for (const [name, { shape, data }] of Object.entries(inputs)) {
    const t = tensor(name, shape, 'input', data instanceof Uint32Array ? 'u32' : 'f32')
    tensors[name] = t
    values.set(t, data)
  }
  return { tensors, values }
}

async function run(row: AugmentRow, inputs: Record<string, CaseInput>) {
  const tape = new Tape()
  const { tensors, values } = recordInputs(inputs)
  const facts = { ...at.device.facts, maxBindingBytes: row.limit ?? at.device.facts.maxBindingBytes }
  return runOnce(at, tape, values, { ...buildAugment(tape, tensors, row) }, facts)
}

/** The samples `order` of a batch, as a batch. */
function pick(inputs: Record<string, CaseInput>, order: readonly number[]): Record<string, CaseInput> {
  const picked = Object.entries(inputs).map(([name, { shape, data }]) => {
    const each = data.length / shape[0]!
    const chosen = new (data.constructor as Float32ArrayConstructor | Uint32ArrayConstructor)(each * order.length)
    order.forEach((n, i) => {
      chosen.set(data.subarray(n * each, (n + 1) * each), i * each)
    })
    return [name, { shape: [order.length, ...shape.slice(1)], data: chosen }]
  })
  return Object.fromEntries(picked)
}

function changesIntensitiesOnly(settings: AugmentRow['settings']): boolean {
  const moving = ['flipProbability', 'rotationDegrees', 'elastic'] as const
  return Object.keys(settings).length > 0 && moving.every(name => !settings[name])
}

function countBits(words: Iterable<number>): number {
  let count = 0
  for (const word of words) for (let rest = word >>> 0; rest !== 0; rest &= rest - 1) count++
  return count
}

describe('augmented masks', () => {
  for (const row of rows.filter(({ settings }) => !changesIntensitiesOnly(settings)))
    test(JSON.stringify(row), async () => {
      const inputs = augmentInputs(row, randomOf(JSON.stringify(row)))
      const actual = (await run(row, inputs)).maskBits!
      const expected = labelReference(doubles(inputs), row).maskBits
      expect(actual.length).toBe(expected.length)
      const different = countBits(actual.map((word, i) => (word ^ expected[i]!) >>> 0))
      expect(different).toBeLessThanOrEqual(
        row.settings.rotationDegrees || row.settings.elastic ? TIES * actual.length * 32 : 0,
      )
    })
})

test('without rotation, flips, noise and scale a batch is copied bit for bit', async () => {
  const row = rows.find(({ settings }) => Object.keys(settings).length === 0)!
  const inputs = augmentInputs(row, randomOf('identity'))
  const { image, maskBits, presence } = await run(row, inputs)
  expect(image).toEqual(inputs.image.data)
  expect(maskBits).toEqual(inputs.maskBits.data)
  expect(presence).toEqual(inputs.presence.data)
})

test.each(
  rows.filter(({ limit, partner }) => limit && partner.length > 3).map(row => [Object.keys(row.settings).join(), row]),
)('what happens to a sample depends neither on its batch nor on its place there: %s', async (_, row) => {
  const inputs = augmentInputs(row, randomOf('order'))
  const together = await run(row, inputs)
  for (const order of [[2, 0], [1]]) {
    const apart = await run({ ...row, samples: order.length }, pick(inputs, order))
    for (const [name, values] of Object.entries(apart)) {
      const each = values.length / order.length
      order.forEach((n, i) => {
        expect(values.subarray(i * each, (i + 1) * each), name).toEqual(
          together[name]!.subarray(n * each, (n + 1) * each),
        )
      })
    }
  }
})

test('what has a probability of 0 leaves the recorded step as it was', () => {
  const [first] = rows
  const range = [1, 2] as const
  const off = {
    elastic: { probability: 0, displacement: 3, spacing: 8 },
    blur: { probability: 0, range },
    lowResolution: { probability: 0, range },
    biasField: { probability: 0, strength: 1 },
    gamma: { probability: 0, range },
  }
  const inputs = recordInputs(augmentInputs(first!, randomOf('off'))).tensors
  const recorded = (settings: AugmentRow['settings']) => {
    const tape = new Tape()
    buildAugment(tape, inputs, { ...first!, settings })
    return lower(tape.calls, at.device.facts)
  }
  expect(recorded(off)).toEqual(recorded({}))
  expect(recorded(off)).toHaveLength(2)
})

test.each([
  ['partner', { partner: [1] }, {}],
  ['flipAxes', { settings: { flipAxes: [3] } }, {}],
  ['elastic', { settings: { elastic: { probability: 1, displacement: 4, spacing: 8 } } }, {}],
  ['image shape', {}, { image: [1, 1, 32, 64, 6] }],
  ['maskBits shape', {}, { maskBits: [1, 1, 511] }],
])('refuses a wrong %s', (argument, change, shapes: Record<string, number[]>) => {
  const row = rows[0]!
  const tensors = Object.entries(augmentInputs(row, randomOf(argument))).map(([name, { shape }]) => [
    name,
    tensor(name, shapes[name] ?? shape, 'input'),
  ])
  const build = () => buildAugment(new Tape(), Object.fromEntries(tensors), { ...row, ...change })
  expect(build).toThrow(`augment: ${argument} is`)
})

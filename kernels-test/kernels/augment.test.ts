import { describe, expect, test } from 'vitest'
import { Tape } from '../../src/graph/tape.ts'
import { type Tensor, tensor } from '../../src/graph/tensor.ts'
import type { CaseInput } from '../case.ts'
import { type AugmentRow, augmentInputs, augmentReference, buildAugment, rows } from '../cases/augment.ts'
import { doubles, runOnce, testDevice } from '../harness.ts'
import { randomOf } from '../numbers.ts'

const at = await testDevice()

/**
 * Share of mask voxels that may differ from the float64 reference where a sample was rotated: float32 coordinates err by about
 * 1e-5 voxels on these volumes, so a source place that near the middle between two voxels may round the other way.
 */
const TIES = 1e-4

async function run(row: AugmentRow, inputs: Record<string, CaseInput>) {
  const tape = new Tape()
  const tensors: Record<string, Tensor> = {}
  const values = new Map<Tensor, Float32Array | Uint32Array>()
  for (const [name, { shape, data }] of Object.entries(inputs)) {
    const t = tensor(name, shape, 'input', data instanceof Uint32Array ? 'u32' : 'f32')
    tensors[name] = t
    values.set(t, data)
  }
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

function countBits(words: Iterable<number>): number {
  let count = 0
  for (const word of words) for (let rest = word >>> 0; rest !== 0; rest &= rest - 1) count++
  return count
}

describe('augmented masks', () => {
  for (const row of rows)
    test(JSON.stringify(row), async () => {
      const inputs = augmentInputs(row, randomOf(JSON.stringify(row)))
      const actual = (await run(row, inputs)).maskBits!
      const expected = augmentReference(doubles(inputs), row).maskBits
      expect(actual.length).toBe(expected.length)
      const different = countBits(actual.map((word, i) => (word ^ expected[i]!) >>> 0))
      expect(different).toBeLessThanOrEqual(row.settings.rotationDegrees ? TIES * actual.length * 32 : 0)
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

test('what happens to a sample depends neither on its batch nor on its place there', async () => {
  const row = rows.find(({ limit }) => limit)!
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

test.each([
  ['partner', { partner: [1] }, {}],
  ['flipAxes', { settings: { flipAxes: [3] } }, {}],
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

import { expect, test } from 'vitest'
import type { CaseInput } from '../case.ts'
import sadaanLossCase from '../cases/sadaan_loss.ts'
import { doubles, forward, gradients, testDevice } from '../harness.ts'
import { randomOf, relativeError } from '../numbers.ts'

const at = await testDevice()

test.each(sadaanLossCase.rows.map(row => [JSON.stringify(row), row] as const))(
  'every term is accurate by itself: %s',
  async (name, row) => {
    const inputs = sadaanLossCase.inputs(row, randomOf(name))
    const actual = await forward(at, sadaanLossCase, row, inputs)
    const expected = sadaanLossCase.reference(doubles(inputs), row)
    expected.terms!.forEach((term, i) => {
      expect(relativeError([actual.terms![i]!], [term]), `term ${i}`).toBeLessThanOrEqual(1e-5)
    })
    expected.pairs!.forEach((sum, i) => {
      expect(relativeError([actual.pairs![i]!], [sum]), `pair sum ${i}`).toBeLessThanOrEqual(1e-5)
    })
  },
)

/** One present pair whose voxels all have logit z, attention a and mask m. */
function uniformPair(z: number, a: number, m: 0 | 1, q = 0.75): Record<string, CaseInput> {
  const voxels = 4096
  const shape = [1, 1, 16, 16, 16]
  return {
    logits: { shape, data: new Float32Array(voxels).fill(z), gradient: true },
    attention: { shape, data: new Float32Array(voxels).fill(a), gradient: true },
    presenceProbability: { shape: [1, 1], data: Float32Array.of(q), gradient: true },
    maskBits: { shape: [1, 1, voxels / 32], data: new Uint32Array(voxels / 32).fill(m ? 0xffffffff : 0) },
    presence: { shape: [1, 1], data: Float32Array.of(1) },
  }
}

const row = { samples: 1, structures: 1, size: [16, 16, 16], presence: [1] }

test.each([
  // derivative of the clamped cross-entropy as PyTorch bounds it: (A − m) / max((1 − A) A, 1e-12)
  [0, 1, -1e12],
  [1, 0, 1e12],
  [0, 0, 0],
  [1, 1, 0],
  [0.25, 1, -4],
  [0.25, 0, 1 / 0.75],
] as const)('d(attention) at %d with mask %d is %d · weight / voxels', async (a, m, expected) => {
  const found = await gradients(at, sadaanLossCase, row, uniformPair(0, a, m), Float32Array.of(1))
  const scaled = found.attention!.map(g => (g * 4096) / 0.5)
  expect(
    relativeError(
      scaled,
      scaled.map(() => expected),
    ),
  ).toBeLessThanOrEqual(1e-6)
})

test('d(presence probability) at 0 is bounded as PyTorch bounds it', async () => {
  const found = await gradients(at, sadaanLossCase, row, uniformPair(0, 0.5, 1, 0), Float32Array.of(1))
  // absence (0 − 1) / 1e-12, weight 1
  expect(relativeError(found.presenceProbability!, [-1e12])).toBeLessThanOrEqual(1e-6)
})

test.each([
  [-80, 1],
  [80, 0],
] as const)('d(logits) at %d with mask %d: cross-entropy and focal are linear there', async (z, m) => {
  const found = await gradients(at, sadaanLossCase, row, uniformPair(z, 0.5, m), Float32Array.of(1))
  // weights 1 (cross-entropy) and 1 · α = 0.25 (focal); dice has no slope where p saturates
  const expected = (1.25 * (m ? -1 : 1)) / 4096
  expect(relativeError(found.logits!, new Float64Array(4096).fill(expected))).toBeLessThanOrEqual(1e-6)
})

test('a non-finite logit or attention makes the total non-finite', async () => {
  for (const name of ['logits', 'attention', 'presenceProbability'] as const) {
    const inputs = uniformPair(1, 0.5, 1)
    inputs[name]!.data[0] = Number.NaN
    const actual = await forward(at, sadaanLossCase, row, inputs)
    expect(Number.isFinite(actual.total![0]), name).toBe(false)
  }
})

test('the same inputs give the same bits', async () => {
  const inputs = sadaanLossCase.inputs(sadaanLossCase.rows[2]!, randomOf('bits'))
  const run = () => forward(at, sadaanLossCase, sadaanLossCase.rows[2]!, inputs)
  expect(await run()).toEqual(await run())
})

import { expect, test } from 'vitest'
import { bootstrapIntervals, type RatioMean } from '../../src/evaluate/bootstrap.ts'
import { randomOf } from '../numbers.ts'

/** The mean of values; of those that are defined where some are null. */
function meanOf(values: readonly (number | null)[]): RatioMean {
  return [
    {
      numerator: Float64Array.from(values, value => value ?? 0),
      denominator: Float64Array.from(values, value => Number(value !== null)),
    },
  ]
}

function normals(name: string, count: number): number[] {
  const random = randomOf(name)
  return Array.from({ length: count }, () => random.normal())
}

test('95 % intervals of a mean hold it in 95 % of the cases, or nearly', () => {
  const rounds = 200
  let held = 0
  for (let round = 0; round < rounds; round++) {
    const [interval] = bootstrapIntervals([meanOf(normals(`round ${round}`, 30))], 30, round)
    if (interval![0] <= 0 && interval![1] >= 0) held++
  }
  // P(abs(t) < 1.96·√(29/30)) with 29 degrees of freedom is 93.6 %; three standard errors of 200 rounds are 5.2 %
  expect(held / rounds).toBeGreaterThan(0.936 - 0.052)
  expect(held / rounds).toBeLessThan(0.936 + 0.052)
})

test('a function of the sums and the seed alone', () => {
  const values = normals('values', 25)
  const [alone] = bootstrapIntervals([meanOf(values)], 25, 42)
  const together = bootstrapIntervals([meanOf(normals('others', 25)), meanOf(values)], 25, 42)
  expect(together[1]).toStrictEqual(alone)
  expect(bootstrapIntervals([meanOf(values)], 25, 43)[0]).not.toStrictEqual(alone)
})

test('of means of ratios: those whose denominator is 0 are left out, as they are of the figure', () => {
  const values = normals('values', 12)
  const nothing: (number | null)[] = values.map(() => null)
  // five samples are just enough
  const rare = nothing.map((value, i) => (i < 5 ? 5 : value))
  const rarer = nothing.map((value, i) => (i < 4 ? 5 : value))
  const [plain, withNothing, ofRare, ofRarer, ofNothing] = bootstrapIntervals(
    [meanOf(values), [...meanOf(values), ...meanOf(nothing)], meanOf(rare), meanOf(rarer), meanOf(nothing)],
    12,
    1,
  )
  expect(withNothing).toStrictEqual(plain)
  expect(ofRare).toStrictEqual([5, 5])
  expect([ofRarer, ofNothing]).toStrictEqual([null, null])
  expect(plain![0]).toBeLessThan(plain![1])
})

test('fewer than five samples have no interval', () => {
  for (const samples of [0, 1, 4])
    expect(bootstrapIntervals([meanOf(normals('few', samples))], samples, 42)).toStrictEqual([null])
  expect(bootstrapIntervals([meanOf(normals('enough', 5))], 5, 42)[0]).not.toBeNull()
})

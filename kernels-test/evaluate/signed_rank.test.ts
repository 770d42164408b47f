import { expect, test } from 'vitest'
import { signedRankP } from '../../src/evaluate/signed_rank.ts'

/** Over all assignments of signs. */
function naiveP(differences: readonly number[]): number {
  const sizes = differences.filter(value => value !== 0).map(Math.abs)
  const rank = (size: number): number =>
    sizes.filter(other => other < size).length + (sizes.filter(other => other === size).length + 1) / 2
  const sumOf = (isPositive: (i: number) => boolean): number =>
    sizes.reduce((sum, size, i) => sum + (isPositive(i) ? rank(size) : 0), 0)
  const signs = differences.filter(value => value !== 0).map(value => value > 0)
  const found = sumOf(i => signs[i]!)
  const sums = Array.from({ length: 2 ** sizes.length }, (_, set) => sumOf(i => ((set >> i) & 1) === 1))
  const share = (isIn: (sum: number) => boolean): number => sums.filter(isIn).length / sums.length
  return Math.min(
    1,
    2 *
      Math.min(
        share(sum => sum <= found),
        share(sum => sum >= found),
      ),
  )
}

test('the heights of plants of Fisher, as scipy.stats.wilcoxon has them', () => {
  const heights = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75]
  expect(signedRankP(heights)).toBeCloseTo(0.041259765625, 12)
  expect(signedRankP(heights.map(value => -value))).toBeCloseTo(0.041259765625, 12)
})

test.each([
  [[3]],
  [[1, 1, -1, 2, 2, 0]],
  [[0.5, -0.25, 0.25, 0.75, -0.75, 1, 0.125]],
  [[-1, -1, -1, -1, -2, 3, 3, 3, 8]],
])('of %j is the share of assignments of signs', differences => {
  expect(signedRankP(differences)).toBeCloseTo(naiveP(differences), 12)
})

test('no difference has no p, and one way only the least there is', () => {
  expect(signedRankP([0, 0])).toBeNull()
  expect(signedRankP([])).toBeNull()
  expect(signedRankP(Array.from({ length: 20 }, (_, i) => i + 1))).toBeCloseTo(2 / 2 ** 20, 15)
  expect(signedRankP(Array.from({ length: 300 }, (_, i) => (i % 2 ? i : -i)))).toBeGreaterThan(0.5)
})

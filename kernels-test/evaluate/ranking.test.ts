import { describe, expect, test } from 'vitest'
import { averagePrecision, rocAuc } from '../../src/evaluate/ranking.ts'

/** Scores of positives and negatives. */
function scored(positives: number[], negatives: number[]) {
  return [
    ...positives.map(score => ({ score, positive: true })),
    ...negatives.map(score => ({ score, positive: false })),
  ]
}

/** The share of positive-negative pairs in the right order, by comparing all of them. */
function naiveRocAuc(positives: number[], negatives: number[]): number {
  const wins = positives.flatMap(p => negatives.map(n => (p > n ? 1 : p === n ? 0.5 : 0)))
  return wins.reduce<number>((sum, win) => sum + win, 0) / wins.length
}

/** Precision at every threshold that is a score, weighted by the recall it adds. */
function naiveAveragePrecision(positives: number[], negatives: number[]): number {
  const thresholds = [...new Set([...positives, ...negatives])].sort((a, b) => b - a)
  let sum = 0
  let recall = 0
  for (const threshold of thresholds) {
    const hits = positives.filter(score => score >= threshold).length
    const alarms = negatives.filter(score => score >= threshold).length
    sum += (hits / positives.length - recall) * (hits / (hits + alarms))
    recall = hits / positives.length
  }
  return sum
}

describe('areas under curves', () => {
  // scikit-learn's documentation: y = 0 0 1 1, scores .1 .4 .35 .8 give 0.75 and 0.8333
  test('as in the documentation of scikit-learn', () => {
    const example = scored([0.35, 0.8], [0.1, 0.4])
    expect(rocAuc(example)).toBe(0.75)
    expect(averagePrecision(example)).toBeCloseTo(0.5 * 1 + 0.5 * (2 / 3), 12)
  })

  test('ties: half a win each, and one threshold', () => {
    const tied = scored([0.5, 0.5], [0.5, 0.2])
    expect(rocAuc(tied)).toBe((0.5 + 0.5 + 1 + 1) / 4)
    expect(averagePrecision(tied)).toBeCloseTo(2 / 3, 12)
    const constant = scored([0.3, 0.3, 0.3], [0.3])
    expect(rocAuc(constant)).toBe(0.5)
    expect(averagePrecision(constant)).toBe(0.75)
  })

  test('perfect and inverted', () => {
    expect(rocAuc(scored([3, 4], [1, 2]))).toBe(1)
    expect(averagePrecision(scored([3, 4], [1, 2]))).toBe(1)
    expect(rocAuc(scored([1, 2], [3, 4]))).toBe(0)
  })

  test('undefined without both kinds', () => {
    for (const one of [scored([0.1, 0.2], []), scored([], [0.1, 0.2]), []]) {
      expect(rocAuc(one)).toBeNull()
      expect(averagePrecision(one)).toBeNull()
    }
  })

  test('agree with comparing everything, ties among them', () => {
    for (let round = 0; round < 20; round++) {
      const draw = (n: number, at: number) =>
        Array.from({ length: n }, (_, i) => ((i * 7 + at * 13 + round * 5) % 11) / 10)
      const [positives, negatives] = [draw(3 + round, 1), draw(5 + (round % 4), 2)]
      const all = scored(positives, negatives)
      expect(rocAuc(all)).toBeCloseTo(naiveRocAuc(positives, negatives), 12)
      expect(averagePrecision(all)).toBeCloseTo(naiveAveragePrecision(positives, negatives), 12)
    }
  })
})

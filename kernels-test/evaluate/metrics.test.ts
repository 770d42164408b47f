import { describe, expect, test } from 'vitest'
import type { SampleFacts } from '../../src/train/judged_pair.ts'
import { Metrics } from '../../src/train/metrics.ts'
import { averagePrecision, rocAuc } from '../../src/train/ranking.ts'
import type { SurfaceDistances } from '../../src/train/surface_distance.ts'

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

interface TestPair {
  presence: 1 | 0 | -1
  q: number
  /** voxels of the mask, of the prediction, of both */
  mask?: number
  predicted?: number
  both?: number
  surface?: SurfaceDistances
}

/** A batch as the GPU gives it: (N, S, 8) sums of which hard overlap, hard probability and mask count here. */
function batchOf(samples: TestPair[][]) {
  const pairs = samples.flat()
  return {
    pairs: Float32Array.from(
      pairs.flatMap(({ mask = 0, predicted = 0, both = 0 }) => [0, 0, 0, mask, 0, 0, both, predicted]),
    ),
    presence: Float32Array.from(pairs, ({ presence }) => presence),
    presenceProbability: Float32Array.from(pairs, ({ q }) => q),
    surfaces: pairs.map(({ surface }) => surface ?? null),
  }
}

function metricsOf(structureNames: string[], threshold = 0.5): Metrics {
  return new Metrics({ structureNames, threshold, distanceUnit: 'voxel', seed: 42 })
}

/** Samples of these scenarios, of nobody, of unknown spacing. */
function factsOf(...scenarios: string[]): SampleFacts[] {
  return scenarios.map(scenario => ({ scenario, subject: '', spacing: undefined }))
}

const EPSILON = 1e-6
const unknown: TestPair = { presence: -1, q: 0.9, mask: 7, predicted: 7, both: 7 }

describe('detailed metrics', () => {
  test('presence: every count, and undefined figures', () => {
    const metrics = metricsOf(['a', 'b', 'c'])
    const b: TestPair = { presence: 1, q: 0.7 }
    const rows: TestPair[] = [
      { presence: 1, q: 0.75 },
      { presence: 1, q: 0.25 },
      { presence: 0, q: 0.625 },
      { presence: 0, q: 0.5 }, // not above the threshold
      { presence: 0, q: 0.125 },
    ]
    metrics.add(batchOf(rows.slice(0, 3).map(a => [a, b, unknown])), factsOf('x', 'x', 'y'))
    // the last batch is padded: its padding is unknown
    metrics.add(batchOf([...rows.slice(3).map(a => [a, b, unknown]), [unknown, unknown, unknown]]), factsOf('y', ''))
    const { presence_per_structure: found, presence_overall_accuracy } = metrics.detailed()
    expect(metrics.samples).toBe(5)
    expect(presence_overall_accuracy).toBe((3 + 5) / 10)
    expect(found.a).toStrictEqual({
      accuracy: 3 / 5,
      precision: 1 / 2,
      recall: 1 / 2,
      f1_score: 1 / 2,
      true_positives: 1,
      true_negatives: 2,
      false_positives: 1,
      false_negatives: 1,
      support_positive: 2,
      support_negative: 3,
      auc_roc: (3 + 1) / 6,
      auc_pr: 0.5 * 1 + 0.5 * (2 / 4),
    })
    expect(found.b).toMatchObject({ accuracy: 1, precision: 1, recall: 1, f1_score: 1, auc_roc: null, auc_pr: null })
    expect(found.c).toStrictEqual({
      accuracy: null,
      precision: 0,
      recall: 0,
      f1_score: 0,
      true_positives: 0,
      true_negatives: 0,
      false_positives: 0,
      false_negatives: 0,
      support_positive: 0,
      support_negative: 0,
      auc_roc: null,
      auc_pr: null,
    })
  })

  test('segmentation: present pairs only, population deviation, empty masks, the gate', () => {
    const metrics = metricsOf(['a', 'b', 'c'])
    const absent: TestPair = { presence: 0, q: 0.9, mask: 0, predicted: 5, both: 0 }
    metrics.add(
      batchOf([
        [{ presence: 1, q: 0.9, mask: 10, predicted: 10, both: 5 }, { presence: 1, q: 0.9 }, absent],
        [{ presence: 1, q: 0.1, mask: 10, predicted: 10, both: 10 }, { presence: 1, q: 0.9, predicted: 3 }, unknown],
      ]),
      factsOf('', ''),
    )
    const found = metrics.detailed()
    const iou = (5 + EPSILON) / (15 + EPSILON)
    const dice = (10 + EPSILON) / (20 + EPSILON)
    const a = found.segmentation_per_structure.a!
    expect(a.num_samples).toBe(2)
    expect(a.mean_dice).toBeCloseTo((dice + 1) / 2, 9)
    expect(a.std_dice).toBeCloseTo((1 - dice) / 2, 9)
    expect(a.mean_iou).toBeCloseTo((iou + 1) / 2, 9)
    expect(a.std_iou).toBeCloseTo((1 - iou) / 2, 9)
    // present, but its mask is empty: right is an empty prediction
    const b = found.segmentation_per_structure.b!
    expect(b.mean_dice).toBeCloseTo((1 + EPSILON / 3) / 2, 9)
    expect(found.segmentation_per_structure.c).toStrictEqual({
      mean_dice: null,
      std_dice: null,
      mean_iou: null,
      std_iou: null,
      num_samples: 0,
      mean_precision: null,
      mean_recall: null,
      mean_hd95: null,
      std_hd95: null,
      mean_surface_distance: null,
      std_surface_distance: null,
      num_surfaces: 0,
      num_empty_predictions: 0,
      mean_volume_error: null,
      mean_absolute_volume_error: null,
    })
    expect(found.segmentation_overall.mean_dice).toBeCloseTo((a.mean_dice! + b.mean_dice!) / 2, 9)
    expect(found.segmentation_overall.mean_iou).toBeCloseTo((a.mean_iou! + b.mean_iou!) / 2, 9)
    // the second sample's a is held to be absent: Dice ε/(10 + ε)
    expect(found.segmentation_overall_gated.mean_dice).toBeCloseTo(((dice + EPSILON / 10) / 2 + b.mean_dice!) / 2, 9)
    expect(found.scenario_based).toStrictEqual({})
  })

  test('scenarios: a sample counts when all of its known structures are right', () => {
    const metrics = metricsOf(['a', 'b'])
    const right: TestPair = { presence: 1, q: 0.9 }
    const wrong: TestPair = { presence: 0, q: 0.9 }
    metrics.add(
      batchOf([
        [right, right],
        [right, wrong],
        [right, unknown],
        [wrong, wrong],
        [unknown, unknown],
      ]),
      factsOf('one', 'one', 'one', 'another', 'another'),
    )
    const { scenario_based } = metrics.detailed()
    expect(Object.keys(scenario_based)).toStrictEqual(['another', 'one'])
    expect(scenario_based.one).toStrictEqual({
      accuracy: 2 / 3,
      num_samples: 3,
      avg_structures_present: 4 / 3,
      avg_structures_predicted: 5 / 3,
    })
    expect(scenario_based.another).toStrictEqual({
      accuracy: 0,
      num_samples: 1,
      avg_structures_present: 0,
      avg_structures_predicted: 2,
    })
  })

  test('the threshold is presence_threshold', () => {
    const metrics = metricsOf(['a'], 0.8)
    metrics.add(batchOf([[{ presence: 1, q: 0.7 }], [{ presence: 0, q: 0.7 }]]), factsOf('', ''))
    expect(metrics.detailed().presence_per_structure.a).toMatchObject({ true_negatives: 1, false_negatives: 1 })
  })
})

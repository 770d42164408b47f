import { describe, expect, test } from 'vitest'
import { Metrics } from '../../src/evaluate/metrics.ts'
import { casesCsv } from '../../src/report/case_row.ts'
import type { Interval } from '../../src/report/detailed_metrics.ts'
import { randomOf } from '../numbers.ts'
import { batchOf, factsOf, metricsOf, type TestPair, unknown } from './made_pairs.ts'

const EPSILON = 1e-6

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
      precision: null,
      recall: null,
      f1_score: null,
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
      num_predictions: 0,
      num_truths: 0,
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
    // the second sample's a is predicted absent: Dice ε/(10 + ε)
    expect(found.segmentation_overall_gated.mean_dice).toBeCloseTo(((dice + EPSILON / 10) / 2 + b.mean_dice!) / 2, 9)
    expect(found.scenario_based).toStrictEqual({})
  })

  test('voxels and surfaces: each mean over what defines it; absent structures are in none', () => {
    const metrics = metricsOf(['a', 'b'])
    const found = { presence: 1, q: 0.9 } as const
    const surface = (hd95: number, mean: number) => ({ surface: { hd95, mean } })
    const nothing: TestPair = { ...found, mask: 8 }
    metrics.add(
      batchOf([
        [{ ...found, mask: 8, predicted: 4, both: 2, ...surface(3, 1) }, nothing],
        [{ ...found, mask: 10, predicted: 15, both: 9, ...surface(5, 2) }, nothing],
        [nothing, { presence: 0, q: 0.1, predicted: 4 }],
        [{ ...found, predicted: 6 }, unknown],
      ]),
      factsOf('', '', '', ''),
    )
    const { segmentation_per_structure, segmentation_overall } = metrics.detailed()
    const a = segmentation_per_structure.a!
    expect(a).toMatchObject({
      num_samples: 4,
      mean_precision: (2 / 4 + 9 / 15 + 0) / 3,
      mean_recall: (2 / 8 + 9 / 10 + 0) / 3,
      mean_hd95: 4,
      std_hd95: 1,
      mean_surface_distance: 1.5,
      std_surface_distance: 0.5,
      num_predictions: 3,
      num_truths: 3,
      num_surfaces: 2,
      num_empty_predictions: 1,
      mean_volume_error: (-4 / 8 + 5 / 10 - 1) / 3,
      mean_absolute_volume_error: (4 / 8 + 5 / 10 + 1) / 3,
    })
    expect(segmentation_per_structure.b).toMatchObject({
      num_samples: 2,
      mean_precision: null,
      mean_recall: 0,
      mean_hd95: null,
      num_surfaces: 0,
      num_empty_predictions: 2,
      mean_volume_error: -1,
    })
    // means over the structures that have the figure
    expect(segmentation_overall).toMatchObject({
      mean_precision: a.mean_precision,
      mean_recall: a.mean_recall! / 2,
      mean_hd95: 4,
      num_empty_predictions: 3,
      num_structures: {
        mean_dice: 2,
        mean_iou: 2,
        mean_precision: 1,
        mean_recall: 2,
        mean_hd95: 1,
        mean_surface_distance: 1,
        mean_volume_error: 2,
        mean_absolute_volume_error: 2,
      },
    })
  })

  test('absence: the absent are the positives', () => {
    const metrics = metricsOf(['a', 'b'])
    const rows = [0.1, 0.2, 0.6].map((q): TestPair[] => [
      { presence: 0, q },
      { presence: 1, q },
    ])
    metrics.add(batchOf([...rows, [unknown, unknown]]), factsOf('', '', '', ''))
    const { absence_overall, absence_per_structure } = metrics.detailed()
    expect(absence_overall).toStrictEqual({ sensitivity: 2 / 3, specificity: 1 / 3, num_absent: 3, num_present: 3 })
    expect(absence_per_structure.a).toMatchObject({ sensitivity: 2 / 3, specificity: null })
    expect(absence_per_structure.b).toMatchObject({ sensitivity: null, specificity: 1 / 3 })
  })

  test('calibration: every pair is in one bin, and the error is that of counting naively', () => {
    const metrics = metricsOf(['a'])
    const random = randomOf('calibration')
    // the ends of bins among them
    const pairs = Array.from(
      { length: 200 },
      (_, i): TestPair => ({
        presence: random.uniform(0, 1) < 0.7 ? 1 : 0,
        q: i <= 8 ? i / 8 : random.uniform(0, 1),
      }),
    )
    metrics.add(batchOf([...pairs.map(pair => [pair]), [unknown]]), factsOf(...pairs.map(() => ''), ''))
    const { bins, expected_calibration_error, brier_score } = metrics.detailed().presence_calibration
    const exact = pairs.map(({ presence, q }) => ({ presence, q: Math.fround(q) }))
    let [error, all] = [0, 0]
    for (let i = 0; i < 10; i++) {
      const inside = exact.filter(({ q }) => (i === 0 ? q >= 0 : q > i / 10) && q <= (i + 1) / 10)
      const sum = (of: (pair: TestPair) => number): number => inside.reduce((total, pair) => total + of(pair), 0)
      expect(bins[i]).toMatchObject({ low: i / 10, high: (i + 1) / 10, count: inside.length })
      expect(bins[i]!.share_present).toBeCloseTo(sum(({ presence }) => presence) / inside.length, 12)
      error += Math.abs(sum(({ q }) => q) - sum(({ presence }) => presence)) / pairs.length
      all += inside.length
    }
    expect(all).toBe(pairs.length)
    expect(expected_calibration_error).toBeCloseTo(error, 12)
    const squares = exact.map(({ presence, q }) => (q - presence) ** 2)
    expect(brier_score).toBeCloseTo(squares.reduce((sum, value) => sum + value, 0) / squares.length, 12)
    const none = metricsOf(['a']).detailed().presence_calibration
    expect(none).toMatchObject({ expected_calibration_error: null, brier_score: null })
    expect(none.bins[0]).toStrictEqual({ low: 0, high: 0.1, count: 0, mean_probability: null, share_present: null })
  })

  test('intervals hold their figures, and of what is undefined there is none', () => {
    const metrics = metricsOf(['a', 'b'])
    const random = randomOf('intervals')
    const samples = Array.from({ length: 40 }, (): TestPair[] => {
      const both = random.integer(10)
      return [{ presence: 1, q: random.uniform(0, 1), mask: 10, predicted: 10, both }, unknown]
    })
    metrics.add(batchOf(samples), factsOf(...samples.map(() => '')))
    const { confidence_intervals: found, segmentation_overall, absence_overall } = metrics.detailed()
    const within = (value: number | null, interval: Interval): void => {
      expect(interval![0]).toBeLessThan(value!)
      expect(interval![1]).toBeGreaterThan(value!)
    }
    within(segmentation_overall.mean_dice, found.mean_dice)
    within(segmentation_overall.mean_iou, found.mean_iou)
    within(absence_overall.specificity, found.absence_specificity)
    expect(found.dice_per_structure.a).toStrictEqual(found.mean_dice)
    expect(found.dice_per_structure.b).toBeNull()
    expect(found.absence_sensitivity).toBeNull()
    expect(found.mean_hd95).toBeNull()
    expect(found.resamples).toBe(1000)
  })

  test('cases: a row a known pair; volumes in millilitres where the spacing is known', () => {
    const metrics = new Metrics({ structureNames: ['a', 'b'], threshold: 0.5, distanceUnit: 'mm', seed: 42 })
    const surface = { hd95: 2.5, mean: 0.5 }
    metrics.add(
      batchOf([
        [{ presence: 1, q: 0.75, mask: 8, predicted: 4, both: 2, surface }, unknown],
        [
          { presence: 1, q: 0.25, mask: 8 },
          { presence: 0, q: 0.75, predicted: 5 },
        ],
      ]),
      [
        { scenario: 'one, two', subject: 'S "1"', spacing: [1, 2, 5] },
        { scenario: '', subject: '', spacing: [1, 1, 1] },
      ],
    )
    const dice = (4 + EPSILON) / (12 + EPSILON)
    const iou = (2 + EPSILON) / (10 + EPSILON)
    const none = EPSILON / (8 + EPSILON)
    expect(casesCsv(metrics.cases()).split('\n')).toStrictEqual([
      'sample,subject,scenario,structure,present,presence_probability,predicted_present,dice,iou,precision,recall,hd95,surface_distance,true_volume,predicted_volume,distance_unit,gated_dice',
      `0,"S ""1""","one, two",a,1,0.75,1,${dice},${iou},0.5,0.25,2.5,0.5,0.08,0.04,mm,${dice}`,
      `1,,,a,1,0.25,0,${none},${none},,0,,,0.008,0,mm,${none}`,
      '1,,,b,0,0.75,1,,,,,,,0,0.005,mm,',
      '',
    ])
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

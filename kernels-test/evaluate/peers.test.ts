import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bootstrapIntervals } from '../../src/evaluate/bootstrap.ts'
import { Metrics } from '../../src/evaluate/metrics.ts'
import { SurfaceMeter } from '../../src/evaluate/surface_distance.ts'
import type { CaseRow } from '../../src/report/case_row.ts'
import { randomOf } from '../numbers.ts'
import { bitsOf, type MaskCase, type MaskFigures, maskCases } from './mask_cases.ts'

const python = process.env.SADAAN_PEERS
const PRESENCE_FIGURES = [
  'accuracy',
  'precision',
  'recall',
  'f1_score',
  'absence_sensitivity',
  'absence_specificity',
  'auc_roc',
  'auc_pr',
  'brier_score',
] as const
const FIGURES = ['hd95', 'surface_distance', 'dice', 'iou', 'precision', 'recall'] as const

type PresenceFigures = Record<(typeof PRESENCE_FIGURES)[number], number>

/** Presence of one structure in some samples, and the probabilities that a model gives. */
interface ScoreCase {
  present: number[]
  probability: number[]
  /** as scikit-learn 1.9.1 says */
  expected: PresenceFigures
}

function byName(values: number[]): PresenceFigures {
  return Object.fromEntries(PRESENCE_FIGURES.map((name, i) => [name, values[i]!])) as PresenceFigures
}

/** Probabilities are multiples of 1/64, so that some are tied and all are exact in float32. */
function scoresOf(name: string, count: number, separation: number, expected: number[]): ScoreCase {
  const random = randomOf(name)
  const present = Array.from({ length: count }, () => Number(random.uniform(0, 1) < 0.6))
  const probability = present.map(y => {
    const score = 0.5 + separation * (y - 0.5) + 0.2 * random.normal()
    return Math.min(64, Math.max(0, Math.round(64 * score))) / 64
  })
  return { present, probability, expected: byName(expected) }
}

const scoreCases = [
  scoresOf(
    'good',
    60,
    0.6,
    [0.966666667, 1, 0.942857143, 0.970588235, 1, 0.942857143, 0.988, 0.992351375, 0.073384603],
  ),
  scoresOf(
    'middling',
    45,
    0.2,
    [
      0.688888889, 0.733333333, 0.785714286, 0.75862069, 0.529411765, 0.785714286, 0.736344538, 0.794634794,
      0.204633247,
    ],
  ),
  scoresOf(
    'misled',
    30,
    -0.3,
    [
      0.166666667, 0.166666667, 0.117647059, 0.137931034, 0.230769231, 0.117647059, 0.140271493, 0.410756668,
      0.478995768,
    ],
  ),
]

const valueCases = [20, 60].map(count => {
  const random = randomOf(`values ${count}`)
  return Array.from({ length: count }, () => Math.min(1, 0.8 + 0.15 * random.normal()))
})

/** A case's figures by the way that an evaluation takes: counts of the device, surfaces of a thread, the row of cases.csv. */
function rowOf({ truth, predicted, size, spacing }: MaskCase): CaseRow {
  const count = (mask: ArrayLike<number>): number => Array.from(mask).reduce((sum, value) => sum + value, 0)
  const both = truth.map((value, v) => value * predicted[v]!)
  const metrics = new Metrics({ structureNames: ['a'], threshold: 0.5, distanceUnit: 'mm', seed: 0 })
  metrics.add(
    {
      pairs: Float32Array.of(0, 0, 0, count(truth), 0, 0, count(both), count(predicted)),
      presence: Float32Array.of(1),
      presenceProbability: Float32Array.of(1),
      surfaces: [new SurfaceMeter().measure(bitsOf(truth), bitsOf(predicted), size, spacing)],
    },
    [{ scenario: '', subject: '', spacing }],
  )
  return metrics.cases()[0]!
}

function expectClose(found: number | null, expected: number | null, what: string): void {
  if (found === null || expected === null) expect(found, what).toBe(expected)
  // MONAI counts in float32; ours has ε = 1e-6 in Dice and IoU
  else expect(Math.abs(found - expected) / Math.max(1, Math.abs(expected)), `${what}: ${found}`).toBeLessThan(2e-6)
}

describe('figures of masks are those that MONAI and scikit-learn give', () => {
  test.each(maskCases.map(each => [each.name, each] as const))('%s', (_, each) => {
    const row = rowOf(each)
    for (const figure of FIGURES) expectClose(row[figure], each.expected[figure], figure)
  })
})

function presenceFigures({ present, probability }: ScoreCase) {
  const metrics = new Metrics({ structureNames: ['a'], threshold: 0.5, distanceUnit: 'voxel', seed: 0 })
  metrics.add(
    {
      pairs: new Float32Array(8 * present.length),
      presence: Float32Array.from(present),
      presenceProbability: Float32Array.from(probability),
      surfaces: present.map(() => null),
    },
    present.map(() => ({ scenario: '', subject: '', spacing: undefined })),
  )
  const { presence_per_structure, absence_overall, presence_calibration } = metrics.detailed()
  return {
    ...presence_per_structure.a!,
    absence_sensitivity: absence_overall.sensitivity,
    absence_specificity: absence_overall.specificity,
    brier_score: presence_calibration.brier_score,
  }
}

test('figures of presence are those that scikit-learn gives', () => {
  for (const each of scoreCases) {
    const found = presenceFigures(each)
    for (const name of PRESENCE_FIGURES) expect(found[name], name).toBeCloseTo(each.expected[name], 7)
  }
})

test("MONAI's and scikit-learn's answers are what is expected here, and numpy's intervals ours", context => {
  if (!python) return context.skip('SADAAN_PEERS names no python with monai and scikit-learn (.ci/peers.txt)')
  const { masks, scores, intervals } = asked()
  for (const [i, { name, expected }] of maskCases.entries())
    for (const figure of FIGURES) expectClose(masks[i]![figure], expected[figure], `${name}: ${figure}`)
  for (const [i, { expected }] of scoreCases.entries())
    for (const name of PRESENCE_FIGURES) expect(scores[i]![name], name).toBeCloseTo(expected[name], 7)
  for (const [i, values] of valueCases.entries()) {
    const ratio = { numerator: Float64Array.from(values), denominator: new Float64Array(values.length).fill(1) }
    const [found] = bootstrapIntervals([[ratio]], values.length, 42)
    const [low, high] = intervals[i]!
    // with 1000 resamples each end has a standard error of 2 % of the width
    for (const [end, expected] of [low, high].entries())
      expect(Math.abs(found![end]! - expected) / (high - low), `${found}, numpy ${low}, ${high}`).toBeLessThan(0.08)
  }
})

function asked(): { masks: MaskFigures[]; scores: PresenceFigures[]; intervals: [number, number][] } {
  const input = JSON.stringify({
    masks: maskCases.map(each => ({ ...each, truth: [...each.truth], predicted: [...each.predicted] })),
    scores: scoreCases,
    values: valueCases,
  })
  const script = join(import.meta.dirname, 'peers.py')
  const { status, stdout, stderr } = spawnSync(python!, ['-W', 'ignore', script], { input, encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout)
}

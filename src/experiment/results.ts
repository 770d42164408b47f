import type { DetailedMetrics } from '../report/detailed_metrics.ts'
import { UNDEFINED } from '../util/statistics.ts'

type SplitName = 'train' | 'val' | 'test'

interface SplitMetrics {
  presence_accuracy: number | null
  mean_dice: number | null
  mean_iou: number | null
}

interface Results {
  splits: Record<SplitName, SplitMetrics>
  /** by structure, on the test split */
  test_dice: Record<string, number | null>
  /** by scenario, on the test split: the fraction of samples in which the presence of every structure is predicted correctly */
  all_structures_correct: Record<string, number | null>
}

/** The setup of the experiment, for the head of the table. */
export interface ExperimentFacts {
  /** name and version */
  program: string
  samples: number
  /** (H, W, D), voxels */
  size: readonly number[]
  seed: number
  batchSize: number
  channels: readonly number[]
  /** finished epochs; training may have stopped early */
  epochs: number
  /** configured epochs */
  allEpochs: number
  /** of the best model, from 1; null if there is none */
  bestEpoch: number | null
}

export interface ExperimentResults {
  facts: ExperimentFacts
  /** whether data and training have the published size, so that the metrics are comparable */
  is_comparable: boolean
  here: Results
  original: Results
}

/** The experiment as published: 64×64×32, 1000 samples, seed 42, batch 4, 100 epochs. */
export const PUBLISHED = { samples: 1000, size: [64, 64, 32], seed: 42, batchSize: 4, allEpochs: 100 } as const
const PUBLISHED_CHANNELS = [16, 32, 64, 128, 256]

/** The results published by the original's authors. */
const ORIGINAL: Results = {
  splits: {
    train: { presence_accuracy: 0.9994, mean_dice: 0.9338, mean_iou: 0.8862 },
    val: { presence_accuracy: 0.9731, mean_dice: 0.8394, mean_iou: 0.7741 },
    test: { presence_accuracy: 0.965, mean_dice: 0.8396, mean_iou: 0.7762 },
  },
  test_dice: {
    left_lung: 0.9718,
    right_lung: 0.9791,
    heart: 0.9516,
    liver: 0.9803,
    spleen: 0.8797,
    pancreas: 0.7643,
    left_kidney: 0.8711,
    right_kidney: 0.8421,
    L1: 0.7984,
    L2: 0.6042,
    L3: 0.6904,
    L4: 0.7216,
    L5: 0.8607,
  },
  all_structures_correct: { left_nephrectomy: 0.375, right_nephrectomy: 0.375, missing_L4: 0, missing_L2_L3: 0 },
}

/** Our results next to the original's. */
export function compareWithOriginal(
  facts: ExperimentFacts,
  metrics: Record<SplitName, DetailedMetrics>,
): ExperimentResults {
  const metricsOf = ({ presence_overall_accuracy, segmentation_overall }: DetailedMetrics): SplitMetrics => ({
    presence_accuracy: presence_overall_accuracy,
    mean_dice: segmentation_overall.mean_dice,
    mean_iou: segmentation_overall.mean_iou,
  })
  const { train, val, test } = metrics
  const dice = Object.entries(test.segmentation_per_structure).map(([name, { mean_dice }]) => [name, mean_dice])
  const correct = Object.entries(test.scenario_based).map(([name, { accuracy }]) => [name, accuracy])
  return {
    facts,
    is_comparable: isPublishedSize(facts),
    here: {
      splits: { train: metricsOf(train), val: metricsOf(val), test: metricsOf(test) },
      test_dice: Object.fromEntries(dice),
      all_structures_correct: Object.fromEntries(correct),
    },
    original: ORIGINAL,
  }
}

function isPublishedSize(facts: ExperimentFacts): boolean {
  const { size, channels, allEpochs, ...rest } = facts
  const { samples, seed, batchSize } = PUBLISHED
  return (
    [rest.samples, rest.seed, rest.batchSize].join() === [samples, seed, batchSize].join() &&
    size.join() === PUBLISHED.size.join() &&
    channels.join() === PUBLISHED_CHANNELS.join() &&
    allEpochs === PUBLISHED.allEpochs
  )
}

/** The comparison as results.md. */
export function resultsPage({ facts, is_comparable, here, original }: ExperimentResults): string {
  const { program, samples, size, seed, batchSize, channels, epochs, allEpochs, bestEpoch } = facts
  const ran = `${epochs} of ${allEpochs} epochs${bestEpoch === null ? '' : `, best model of epoch ${bestEpoch}`}`
  const splits = (['train', 'val', 'test'] as const).flatMap(split => {
    const [a, b] = [here.splits[split], original.splits[split]]
    const values = (['presence_accuracy', 'mean_dice', 'mean_iou'] as const).flatMap(key => [a[key], b[key]])
    return [row([split, ...values.map(cell)])]
  })
  return [
    '# The published experiment',
    '',
    `${program}; synthetic data, ${samples} samples of ${size.join('×')}, seed ${seed}; batch ${batchSize}, channels ${channels.join(', ')}; ${ran}.`,
    '',
    ...(is_comparable
      ? []
      : [
          '**This is not the published size** (1000 samples of 64×64×32, seed 42, batch 4, 100 epochs): the results show that the program runs, but are not comparable.',
          '',
        ]),
    'The samples follow the same distributions as the original’s but are not identical, because the random numbers differ.',
    '',
    row(['split', 'presence accuracy', 'original', 'mean Dice', 'original', 'mean IoU', 'original']),
    row(['---', ...Array(6).fill('---:')]),
    ...splits,
    '',
    ...section('test Dice', here.test_dice, original.test_dice),
    '',
    ...section(
      'test: every structure predicted correctly',
      here.all_structures_correct,
      original.all_structures_correct,
    ),
    '',
  ].join('\n')
}

function section(
  title: string,
  here: Record<string, number | null>,
  original: Record<string, number | null>,
): string[] {
  const rows = Object.entries(here).map(([name, value]) => row([name, cell(value), cell(original[name] ?? null)]))
  return [row([title, 'here', 'original']), row(['---', '---:', '---:']), ...rows]
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function cell(value: number | null): string {
  return value === null ? UNDEFINED : value.toFixed(4)
}

import type { DetailedMetrics } from '../report/detailed_metrics.ts'

type SplitName = 'train' | 'val' | 'test'

interface SplitFigures {
  presence_accuracy: number | null
  mean_dice: number | null
  mean_iou: number | null
}

interface Figures {
  splits: Record<SplitName, SplitFigures>
  /** of the test split, by structure */
  test_dice: Record<string, number | null>
  /** of the test split, by scenario: the share of samples with every structure predicted correctly */
  all_structures_correct: Record<string, number | null>
}

/** What was done, for the head of the table. */
export interface ExperimentFacts {
  /** name and version */
  program: string
  samples: number
  /** (H, W, D), voxels */
  size: readonly number[]
  seed: number
  batchSize: number
  channels: readonly number[]
  /** done; the training may have stopped before the last */
  epochs: number
  allEpochs: number
  /** of the best model, from 1; null where there is none */
  bestEpoch: number | null
}

export interface ExperimentResults {
  facts: ExperimentFacts
  /** that data and training are of the published size, so that the figures can be compared */
  is_comparable: boolean
  here: Figures
  original: Figures
}

/** The experiment as published: 64×64×32, 1000 samples, seed 42, batch 4, 100 epochs. */
export const PUBLISHED = { samples: 1000, size: [64, 64, 32], seed: 42, batchSize: 4, allEpochs: 100 } as const
const PUBLISHED_CHANNELS = [16, 32, 64, 128, 256]

/** The figures that the original's authors give for it. */
const ORIGINAL: Figures = {
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

/** Our figures beside the original's. */
export function compareWithOriginal(
  facts: ExperimentFacts,
  metrics: Record<SplitName, DetailedMetrics>,
): ExperimentResults {
  const figures = ({ presence_overall_accuracy, segmentation_overall }: DetailedMetrics): SplitFigures => ({
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
      splits: { train: figures(train), val: figures(val), test: figures(test) },
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

/** results.md: the comparison for a reader. */
export function resultsPage({ facts, is_comparable, here, original }: ExperimentResults): string {
  const { program, samples, size, seed, batchSize, channels, epochs, allEpochs, bestEpoch } = facts
  const ran = `${epochs} of ${allEpochs} epochs${bestEpoch === null ? '' : `, best model of epoch ${bestEpoch}`}`
  const splits = (['train', 'val', 'test'] as const).flatMap(split => {
    const [a, b] = [here.splits[split], original.splits[split]]
    const cells = (['presence_accuracy', 'mean_dice', 'mean_iou'] as const).flatMap(key => [a[key], b[key]])
    return [row([split, ...cells.map(figure)])]
  })
  return [
    '# The published experiment',
    '',
    `${program}; synthetic data, ${samples} samples of ${size.join('×')}, seed ${seed}; batch ${batchSize}, channels ${channels.join(', ')}; ${ran}.`,
    '',
    ...(is_comparable
      ? []
      : [
          '**This is not the published size** (1000 samples of 64×64×32, seed 42, batch 4, 100 epochs): the figures show that it runs, and compare with nothing.',
          '',
        ]),
    'The samples are of the same distributions as the original’s, not the same: its random numbers are not ours.',
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
  const rows = Object.entries(here).map(([name, value]) => row([name, figure(value), figure(original[name] ?? null)]))
  return [row([title, 'here', 'original']), row(['---', '---:', '---:']), ...rows]
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function figure(value: number | null): string {
  return value === null ? '–' : value.toFixed(4)
}

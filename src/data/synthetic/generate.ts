import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../util/error.ts'
import { makeFolder } from '../../util/files/folder.ts'
import { OP_SPLIT, RandomStream } from '../../util/random.ts'
import { AXIS_DIVISOR, divisible } from '../../util/shape.ts'
import { drawStratified } from '../../util/stratify.ts'
import { type DatasetMetadata, writeDatasetFiles } from '../dataset/dataset_writer.ts'
import { type DatasetRecord, entriesOf, firstDifference, METADATA, recordAt, refuseOther } from '../dataset/existing.ts'
import { SPLIT_NAMES, type SplitName } from '../dataset/split.ts'
import type { StoredSample } from '../dataset/split_writer.ts'
import { SCENARIOS, type Scenario, STRUCTURES } from './anatomy.ts'
import { fittingThreads, SampleMakers } from './sample_makers.ts'
import type { Variation } from './synthetic.ts'

export interface GenerateOptions extends Variation {
  outputDir: string
  totalSamples: number
  /** Fraction of all samples. */
  validationSplit: number
  /** Fraction of all samples. */
  testSplit: number
  /** Replace another dataset in the folder. The same dataset is replaced in any case. */
  overwrite: boolean
}

export const GENERATE_DEFAULTS: GenerateOptions = {
  overwrite: false,
  outputDir: './synthetic_medical_dataset_hdf5',
  imageSize: [128, 128, 64],
  totalSamples: 1000,
  validationSplit: 0.2,
  testSplit: 0.1,
  positionNoise: 0.05,
  sizeNoise: 0.2,
  intensityNoise: 0.15,
  seed: 42,
}

/** A sample of the dataset that has not been made yet. */
export interface PlannedSample {
  /** within the whole dataset, scenario by scenario in the order of `SCENARIOS` */
  index: number
  scenario: Scenario
}

/**
 * Writes the synthetic dataset ({train,val,test}.h5 and metadata.json) with a few samples in memory at a time. Every sample
 * depends on (options, seed, its index) only; the samples of a split are in the random order of the draw. The number of
 * `threads` that make samples changes no bit. Calls `onSample` after each sample with the number done.
 * Throws InputError for invalid options, and for a folder that holds another dataset.
 */
export async function generateDataset(
  options: GenerateOptions,
  onSample?: (done: number) => void,
  threads = fittingThreads(options, options.totalSamples),
): Promise<void> {
  checkOptions(options)
  const plan = planSplits(options)
  const { outputDir, overwrite } = options
  const difference = (recorded: DatasetRecord): string | undefined => differenceOf(options, recorded)
  refuseOther(outputDir, { command: 'generate', overwrite, difference })
  makeFolder(options.outputDir, 'a folder for the dataset')
  const { imageSize, positionNoise, sizeNoise, intensityNoise, seed } = options
  const makers = new SampleMakers({ imageSize, positionNoise, sizeNoise, intensityNoise, seed }, threads)
  let done = 0
  async function* samplesOf(planned: PlannedSample[]): AsyncGenerator<StoredSample> {
    let i = 0
    for await (const sample of makers.make(planned)) {
      yield { ...sample, scenario: planned[i++]!.scenario.name }
      onSample?.(++done)
    }
  }
  const filled = SPLIT_NAMES.filter(name => plan[name].length > 0)
  const splits = Object.fromEntries(filled.map(name => [name, samplesOf(plan[name])]))
  const shape = { imageSize, structures: STRUCTURES.length }
  try {
    await writeDatasetFiles(options.outputDir, shape, splits, () => metadataOf(options, plan))
  } finally {
    await makers.close()
  }
}

/**
 * Divides the samples among scenarios and splits. Each scenario gets floor(total · weight / Σ weights) samples, the last one
 * also the remainder. ceil(total · (validation + test)) samples, stratified by scenario, are drawn for the two smaller
 * splits; of these, ceil(rest · test share) are for testing. 1000, 0.2, 0.1 yield 699, 200 and 101.
 */
export function planSplits(
  options: Pick<GenerateOptions, 'totalSamples' | 'validationSplit' | 'testSplit' | 'seed'>,
): Record<SplitName, PlannedSample[]> {
  const { totalSamples, validationSplit, testSplit, seed } = options
  const random = new RandomStream({ seed, operation: OP_SPLIT })
  const held = validationSplit + testSplit
  const rest = Math.ceil(totalSamples * held)
  const { kept: train, drawn } = drawStratified(planScenarios(totalSamples), rest, random)
  const test = testSplit > 0 ? Math.ceil(rest * (1 - validationSplit / held)) : 0
  random.shuffle(drawn)
  return { train: random.shuffle(train), val: drawn.slice(test), test: drawn.slice(0, test) }
}

function planScenarios(totalSamples: number): PlannedSample[][] {
  const sum = SCENARIOS.reduce((total, scenario) => total + scenario.weight, 0)
  const counts = SCENARIOS.map(({ weight }) => Math.floor((weight / sum) * totalSamples))
  const given = counts.reduce((total, count) => total + count, 0)
  counts[counts.length - 1]! += totalSamples - given
  let index = 0
  return SCENARIOS.map((scenario, i) => Array.from({ length: counts[i]! }, () => ({ index: index++, scenario })))
}

function checkOptions(options: GenerateOptions): void {
  const { imageSize, totalSamples, validationSplit, testSplit } = options
  for (const axis of imageSize)
    if (!Number.isInteger(axis) || axis < AXIS_DIVISOR || axis % AXIS_DIVISOR !== 0)
      throw new InputError(
        `generate: image size ${imageSize.join(',')}: every axis must be a multiple of ${AXIS_DIVISOR}, e.g. ${divisible(imageSize).join(',')}`,
      )
  for (const name of ['positionNoise', 'sizeNoise', 'intensityNoise'] as const)
    if (!(options[name] >= 0 && options[name] < Number.POSITIVE_INFINITY))
      throw new InputError(`generate: ${name} is ${options[name]}, expected 0 or more`)
  if (!Number.isInteger(totalSamples) || totalSamples < 1)
    throw new InputError(`generate: ${totalSamples} samples, expected a positive number`)
  if (options.seed >>> 0 !== options.seed)
    throw new InputError(`generate: seed ${options.seed}, expected an integer from 0 to 4294967295`)
  if (!(validationSplit > 0 && testSplit >= 0 && validationSplit + testSplit < 1))
    throw new InputError(
      `generate: validation ${validationSplit} and test ${testSplit}: expected a validation fraction above 0 and a sum below 1`,
    )
  const plan = planSplits(options)
  if (plan.train.length === 0 || plan.val.length === 0)
    throw new InputError(`generate: ${totalSamples} samples leave no sample for training or validation`)
}

function metadataOf(options: GenerateOptions, plan: Record<SplitName, PlannedSample[]>): DatasetMetadata {
  const { imageSize, positionNoise, sizeNoise, intensityNoise, seed, totalSamples, validationSplit, testSplit } =
    options
  const counts = Object.fromEntries(SPLIT_NAMES.map(name => [`${name}_samples`, plan[name].length]))
  return {
    structure_names: STRUCTURES.map(({ name }) => name),
    num_structures: STRUCTURES.length,
    image_size: imageSize,
    dataset_info: { source: 'synthetic', total_samples: totalSamples, ...counts },
    generation_params: {
      position_noise: positionNoise,
      size_noise: sizeNoise,
      intensity_noise: intensityNoise,
      validation_split: validationSplit,
      test_split: testSplit,
      seed,
    },
    scenarios: SCENARIOS,
  }
}

/**
 * Whether the folder holds the complete dataset that `generateDataset` would write with these options; metadata.json is written last. False
 * if there is no dataset. Throws InputError if there is a different one, which must not be overwritten.
 */
export function isGenerated(options: GenerateOptions): boolean {
  const path = join(options.outputDir, METADATA)
  if (!existsSync(path)) return false
  const difference = differenceOf(options, recordAt(path))
  if (difference === undefined) return true
  throw new InputError(`${options.outputDir}: holds another dataset: ${difference}; choose another folder or remove it`)
}

/** How the dataset that a metadata.json describes differs from the one of these options. */
function differenceOf(options: GenerateOptions, recorded: DatasetRecord): string | undefined {
  const { imageSize, totalSamples, validationSplit, testSplit } = options
  const { positionNoise, sizeNoise, intensityNoise, seed } = options
  const wanted = {
    source: 'synthetic',
    image_size: imageSize,
    total_samples: totalSamples,
    validation_split: validationSplit,
    test_split: testSplit,
    position_noise: positionNoise,
    size_noise: sizeNoise,
    intensity_noise: intensityNoise,
    seed,
  }
  const { image_size, dataset_info, generation_params } = recorded
  return firstDifference({ image_size, ...entriesOf(dataset_info), ...entriesOf(generation_params) }, wanted)
}

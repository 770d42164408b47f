import { join } from 'node:path'
import { Command } from 'commander'
import { SPLIT_NAMES } from '../src/data/dataset/split.ts'
import { GENERATE_DEFAULTS, type GenerateOptions, generateDataset } from '../src/data/synthetic/generate.ts'
import { factsOf } from '../src/util/files/lookup.ts'
import { progressOf } from './console/progress.ts'
import { say } from './console/say.ts'
import { numberOption, sizeOption } from './options.ts'

/** `generate`: writes the synthetic dataset, with the original generator's options. */
export function makeGenerateCommand(): Command {
  const {
    imageSize,
    totalSamples,
    validationSplit,
    testSplit,
    outputDir,
    positionNoise,
    sizeNoise,
    intensityNoise,
    seed,
  } = GENERATE_DEFAULTS
  return new Command('generate')
    .description('generate the synthetic dataset: 13 structures, 14 clinical scenarios')
    .option('--output-dir <dir>', 'folder for the dataset', outputDir)
    .option('--image-size <h,w,d>', 'voxels along each axis', sizeOption, imageSize)
    .option('--total-samples <n>', 'total number of samples, over all splits', numberOption, totalSamples)
    .option('--validation-split <share>', 'share of all samples for validation', numberOption, validationSplit)
    .option('--test-split <share>', 'share of all samples for testing', numberOption, testSplit)
    .option(
      '--position-noise <sd>',
      'standard deviation of the structure centres, relative to the volume',
      numberOption,
      positionNoise,
    )
    .option('--size-noise <sd>', 'relative standard deviation of the structure sizes', numberOption, sizeNoise)
    .option(
      '--intensity-noise <sd>',
      'relative standard deviation of the structure intensities',
      numberOption,
      intensityNoise,
    )
    .option('--seed <n>', 'random seed; with the index of a sample, it determines the sample', numberOption, seed)
    .option('--overwrite', 'replace another dataset in the folder; the same dataset is replaced anyway', false)
    .action(runGenerate)
}

async function runGenerate(options: GenerateOptions): Promise<void> {
  const { outputDir, totalSamples } = options
  const progress = progressOf('generated')
  const started = performance.now()
  await generateDataset(options, done => progress.update(done, totalSamples)).finally(progress.end)
  const seconds = (performance.now() - started) / 1000
  const bytes = SPLIT_NAMES.map(name => factsOf(join(outputDir, `${name}.h5`))?.size ?? 0)
  const megabytes = bytes.reduce((sum, size) => sum + size, 0) / 1e6
  say(
    `${totalSamples} samples in ${outputDir}: ${megabytes.toFixed(1)} MB, ${seconds.toFixed(1)} s, ${(totalSamples / seconds).toFixed(1)} samples/s`,
  )
}

import { Command } from 'commander'
import { GENERATE_DEFAULTS, type GenerateOptions, generateDataset } from '../src/data/generate.ts'
import { numberOption, sizeOption } from './options.ts'
import { progressOf } from './progress.ts'

/** `generate`: the synthetic dataset, with the original generator's options. */
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
    .description('write the synthetic dataset: 13 structures, 14 clinical scenarios')
    .option('--output-dir <dir>', 'folder to write', outputDir)
    .option('--image-size <h,w,d>', 'voxels along each axis', sizeOption, imageSize)
    .option('--total-samples <n>', 'samples of all splits together', numberOption, totalSamples)
    .option('--validation-split <share>', 'share of all samples', numberOption, validationSplit)
    .option('--test-split <share>', 'share of all samples', numberOption, testSplit)
    .option('--position-noise <sd>', 'of a structure’s centre, share of the volume', numberOption, positionNoise)
    .option('--size-noise <sd>', 'of a structure’s size, relative', numberOption, sizeNoise)
    .option('--intensity-noise <sd>', 'of a structure’s intensity, relative', numberOption, intensityNoise)
    .option('--seed <n>', 'every sample follows from it and its index', numberOption, seed)
    .action(async (options: GenerateOptions) => {
      const progress = progressOf('generated')
      const started = performance.now()
      await generateDataset(options, done => progress.update(done, options.totalSamples)).finally(progress.end)
      const seconds = (performance.now() - started) / 1000
      console.error(`${options.totalSamples} samples in ${options.outputDir}, ${seconds.toFixed(1)} s`)
    })
}

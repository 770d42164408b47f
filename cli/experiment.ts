import { join } from 'node:path'
import { Command } from 'commander'
import { type LoadedConfig, loadConfig } from '../src/config/load.ts'
import { GENERATE_DEFAULTS, type GenerateOptions } from '../src/data/synthetic/generate.ts'
import { analyse } from '../src/evaluate/analysis.ts'
import { runCourse } from '../src/experiment/course.ts'
import { compareWithOriginal, type ExperimentResults, PUBLISHED, resultsPage } from '../src/experiment/results.ts'
import { ensureAdapter } from '../src/gpu/adapter.ts'
import type { DetailedMetrics } from '../src/report/detailed_metrics.ts'
import { type BatchProgress, Console, type EpochSummary } from '../src/track/console/console.ts'
import { durationText } from '../src/track/console/progress_text.ts'
import { packageFile } from '../src/track/provenance.ts'
import type { TrainingReport } from '../src/train/training.ts'
import { InputError } from '../src/util/error.ts'
import { makeFolder } from '../src/util/files/folder.ts'
import { ResultFolder } from '../src/util/files/result_folder.ts'
import { jsonBytes, readText } from '../src/util/whole_file.ts'
import { progressOf } from './console/progress.ts'
import { numberOption, overridesOf, sizeOption, WORDS } from './options.ts'
import { stopOnSignals } from './process/signals.ts'

interface ExperimentOptions {
  outputDir: string
  samples: number
  imageSize: [number, number, number]
  epochs: number
  seed: number
  json?: boolean
}

const SPLITS = ['train', 'val', 'test'] as const

/** `experiment`: the published experiment, with its metrics compared with the original's. */
export function makeExperimentCommand(): Command {
  const { samples, size, allEpochs, seed } = PUBLISHED
  return new Command('experiment')
    .description(
      'run the published experiment (generate, train, evaluate) and write results.md, which compares its metrics with the original’s; run it again to resume',
    )
    .option('--output-dir <dir>', 'folder for all output', 'experiment')
    .option('--samples <n>', 'total number of samples, over all splits', numberOption, samples)
    .option('--image-size <h,w,d>', 'voxels along each axis', sizeOption, [...size])
    .option('--epochs <n>', 'number of training epochs', numberOption, allEpochs)
    .option('--seed <n>', 'seed of the dataset and the training', numberOption, seed)
    .option('--json', 'print the results as one JSON object')
    .argument('[with...]', WORDS)
    .action(runExperiment)
}

async function runExperiment(words: string[], options: ExperimentOptions): Promise<void> {
  const { outputDir: folder, samples: totalSamples, imageSize, seed } = options
  const console = new EstimatingConsole({ stream: process.stderr, environment: process.env })
  const loaded = configurationFor(words, options)
  const { config } = loaded
  await ensureAdapter(line => console.line(line))
  console.line(
    `${totalSamples} samples of ${imageSize.join('×')}, ${config.training.num_epochs} epochs, in ${folder}; Ctrl-C saves, and the same command resumes`,
  )
  const signals = stopOnSignals(line => console.line(line))
  const data: Omit<GenerateOptions, 'outputDir'> = { ...GENERATE_DEFAULTS, totalSamples, imageSize, seed }
  const identity = { namedConfigs: loaded.namedConfigs, configUpdates: loaded.updates, sources: loaded.files }
  const { training, metrics } = await runCourse({
    config,
    data,
    folder,
    splits: SPLITS,
    goOn: true,
    identity,
    console,
    progress: progressOf,
    stop: signals.stop,
  })
  if (!training || !metrics) {
    console.line(`stopped; the same command resumes: sadaan-gpu experiment --output-dir ${folder} …`)
    process.exitCode = signals.exitCode()
    return
  }
  const files = { train: metrics.train!, val: metrics.val!, test: metrics.test! }
  await analyse({ files, output: join(folder, 'analysis'), say: line => console.line(line) })
  const read = (path: string): DetailedMetrics => JSON.parse(readText(path))
  const [train, val, test] = SPLITS.map(split => read(metrics[split]!)) as [
    DetailedMetrics,
    DetailedMetrics,
    DetailedMetrics,
  ]
  const results = compareWithOriginal(factsOf(options, loaded, training), { train, val, test })
  conclude(results, folder, options.json ?? false, console)
}

const RESULTS = { page: 'results.md', record: 'results.json' } as const

/** Writes the differences from the defaults to config.json, as a user would; the words after `with` override them. */
function configurationFor(words: readonly string[], { outputDir, epochs, seed }: ExperimentOptions): LoadedConfig {
  const overrides = overridesOf(words)
  // errors in the words are reported before config.json is written
  const { seed: worded = seed } = loadConfig({ overrides }).updates
  if (worded !== seed)
    throw new InputError(`seed=${worded} after with: expected --seed, which also sets the seed of the dataset`)
  const own = {
    dataset_path: join(outputDir, 'dataset'),
    training: { batch_size: PUBLISHED.batchSize, num_epochs: epochs },
    checkpoint: { save_dir: join(outputDir, 'checkpoints') },
    seed,
  }
  makeFolder(outputDir, 'a folder for the results')
  const written = new ResultFolder(outputDir)
  written.claim(Object.values(RESULTS))
  const file = written.write('config.json', [jsonBytes(own)])
  return loadConfig({ file, overrides })
}

function factsOf(
  { samples, imageSize, seed }: ExperimentOptions,
  { config }: LoadedConfig,
  { epochs, best }: TrainingReport,
): ExperimentResults['facts'] {
  const { name, version } = packageFile()
  return {
    program: `${name} ${version}`,
    samples,
    size: imageSize,
    seed,
    batchSize: config.training.batch_size,
    channels: config.model.channels,
    epochs,
    allEpochs: config.training.num_epochs,
    bestEpoch: best.epoch === null ? null : best.epoch + 1,
  }
}

function conclude(results: ExperimentResults, folder: string, json: boolean, console: Console): void {
  const page = resultsPage(results)
  const written = new ResultFolder(folder)
  const markdown = written.write(RESULTS.page, [Buffer.from(page)])
  const record = written.write(RESULTS.record, [jsonBytes(results)])
  if (json) process.stdout.write(`${JSON.stringify(results)}\n`)
  for (const line of page.trimEnd().split('\n')) console.line(line)
  console.line(`written   ${markdown}, ${record}`)
}

/** Batches after the first (which also compiles) from which the duration of the training is estimated. */
const MEASURED_BATCHES = 10

/** Estimates the duration of the training twice: after its first batches, and after its first epoch, including validation. */
class EstimatingConsole extends Console {
  private first: { at: number; left: number } | undefined
  private said = 0

  override batch(progress: BatchProgress): void {
    const { epoch, epochs, batch, batches } = progress
    const left = batches - batch + (epochs - epoch - 1) * batches
    const at = performance.now()
    this.first ??= { at, left }
    const done = this.first.left - left
    if (this.said === 0 && done > 0 && (done >= MEASURED_BATCHES || batch === batches)) {
      this.said = 1
      const seconds = (((at - this.first.at) / done) * left) / 1000
      this.line(`estimate  ${durationText(seconds)} for the training, from ${done} batches, plus validation`)
    }
    super.batch(progress)
  }

  override epochEnd(summary: EpochSummary): void {
    super.epochEnd(summary)
    const { epoch, epochs, seconds } = summary
    const left = epochs - epoch - 1
    if (this.said < 2 && left > 0)
      this.line(`estimate  ${durationText(seconds * left)} for the rest of the training, from this epoch`)
    this.said = 2
  }
}

import { basename } from 'node:path'
import { Command, Option } from 'commander'
import { isJsonObject } from '../src/config/json.ts'
import type { LoadedConfig } from '../src/config/load.ts'
import { SPLIT_NAMES, type SplitName } from '../src/data/dataset/split.ts'
import type { Ranks } from '../src/distributed/ranks.ts'
import { evaluate, helpEvaluate } from '../src/evaluate/evaluate.ts'
import type { Evaluation } from '../src/evaluate/evaluation.ts'
import { EvaluationPictures } from '../src/evaluate/pictures.ts'
import { mainMetrics } from '../src/report/text/evaluation_report.ts'
import { progressOf } from './console/progress.ts'
import { say } from './console/say.ts'
import { collect, configurationOf, countOption, withConfiguration } from './options.ts'
import { asRank, SILENT } from './process/ranks.ts'
import { gpusOption, orInRanks } from './process/start_ranks.ts'

interface EvaluateOptions {
  config?: string
  weights: string[]
  dataset?: string
  split: SplitName
  output: string
  batchSize?: string
  /** false: --no-pictures */
  pictures: number | false
  masks?: boolean
  overwrite?: boolean
  json?: boolean
}

const PICTURES = 3

/** `evaluate`: writes detailed_metrics.json, evaluation_report.txt, cases.csv, pictures and report.html. */
export function makeEvaluateCommand(): Command {
  return withConfiguration(new Command('evaluate'))
    .description(
      'evaluate a trained model on a split of a dataset; write detailed_metrics.json, evaluation_report.txt, cases.csv, pictures and report.html',
    )
    .requiredOption(
      '--weights <file>',
      'the model: .pth or .pt (a checkpoint or a state dict) or safetensors, the content decides; or a name that models lists; repeat it to average several models',
      collect,
    )
    .option('--dataset <dir>', 'the dataset (default: dataset_path of the configuration)')
    .addOption(new Option('--split <name>', 'split to evaluate').choices(SPLIT_NAMES).default('test'))
    .requiredOption('-o, --output <dir>', 'folder for the results')
    .option('--batch-size <n>', 'samples per batch (default: training.batch_size of the configuration)')
    .option('--pictures <n>', 'number of samples to picture, the most informative first', countOption, PICTURES)
    .option('--no-pictures', 'write neither pictures nor report.html')
    .option('--masks', 'also write evaluated_masks.h5: the predicted masks, which the board shows')
    .option('--overwrite', 'also replace files of these names that are not unchanged results of this program')
    .addOption(gpusOption())
    .option('--json', 'print the main metrics as one JSON object')
    .action(orInRanks(runEvaluate))
}

function runEvaluate(words: string[], options: EvaluateOptions): Promise<void> {
  return asRank(ranks => evaluateAs(ranks, words, options))
}

async function evaluateAs(ranks: Ranks, words: string[], options: EvaluateOptions): Promise<void> {
  const loaded = configurationOf(withBatchSize(words, options), options)
  const { config } = loaded
  const progress = progressOf('evaluated')
  const { weights, split, output, overwrite = false, masks = false, dataset = config.dataset_path } = options
  const request = { config, ...givenThreshold(loaded), weights, dataset, split, output, overwrite, masks, ranks }
  if (ranks.rank > 0) return helpEvaluate({ ...request, ...SILENT })
  const pictures =
    options.pictures === false
      ? undefined
      : new EvaluationPictures(output, line => say(`warning: ${line}`), { overwrite })
  const evaluation = await evaluate({
    ...request,
    ...(pictures && { pictures: options.pictures || 0, visit: sample => pictures.add(sample) }),
    say,
    progress: progress.update,
    compiling: progressOf('compiling kernels').update,
  }).finally(progress.end)
  const drawn = (await pictures?.finish(evaluation)) ?? []
  if (options.json) process.stdout.write(`${JSON.stringify({ ...mainMetricsOf(evaluation), pictures: drawn })}\n`)
  else report(evaluation, drawn)
}

/** `--batch-size N` stands for the word training.batch_size=N and is checked like it. */
export function withBatchSize(words: readonly string[], { batchSize }: { batchSize?: string }): string[] {
  return batchSize === undefined ? [...words] : [...words, `training.batch_size=${batchSize}`]
}

/** model.presence_threshold if the user set it; otherwise the checkpoint's value applies. */
export function givenThreshold({ config, updates }: LoadedConfig): { presenceThreshold?: number } {
  const isGiven = isJsonObject(updates.model) && Object.hasOwn(updates.model, 'presence_threshold')
  return isGiven ? { presenceThreshold: config.model.presence_threshold } : {}
}

function mainMetricsOf({ head, metrics, files }: Evaluation) {
  const { presence_per_structure, segmentation_per_structure, scenario_based, absence_per_structure, ...main } = metrics
  const { num_samples: samples, ...others } = main
  return { samples, warnings: head.warnings, ...others, files }
}

function report({ samples, metrics, files }: Evaluation, drawn: readonly string[]): void {
  say(`samples   ${samples}`)
  for (const line of mainMetrics(metrics)) say(line)
  say(`written   ${Object.values(files).join(', ')}`)
  const page = drawn.find(path => basename(path) === 'report.html')
  if (page !== undefined) say(`pictures  ${drawn.length - 1}, all in ${page}`)
}

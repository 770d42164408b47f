import { Command, Option } from 'commander'
import { isJsonObject } from '../src/config/json.ts'
import type { LoadedConfig } from '../src/config/load.ts'
import { SPLIT_NAMES, type SplitName } from '../src/data/dataset/split.ts'
import type { Ranks } from '../src/distributed/ranks.ts'
import { helpPredict, type Prediction, predict } from '../src/predict/predict.ts'
import { DEFAULT_OVERLAP } from '../src/predict/windows.ts'
import { InputError } from '../src/util/error.ts'
import { listed } from '../src/util/listing.ts'
import { progressOf } from './console/progress.ts'
import { say } from './console/say.ts'
import { givenThreshold, withBatchSize } from './evaluate.ts'
import { collect, configurationOf, numberOption, withConfiguration } from './options.ts'
import { asRank, SILENT } from './process/ranks.ts'
import { gpusOption, orInRanks } from './process/start_ranks.ts'

interface PredictOptions {
  config?: string
  weights: string[]
  input: string[]
  split: SplitName
  series?: string
  output: string
  probabilities?: boolean
  attention?: boolean
  uncertainty?: boolean
  slidingWindow?: boolean
  overlap?: number
  flips?: boolean
  largestComponent?: boolean
  raw?: boolean
  batchSize?: string
  skipBad?: boolean
  overwrite?: boolean
  json?: boolean
}

/** Exit code if a scan could not be predicted. */
const FAILED = 1

/** `predict`: writes masks, presence.csv, presence.json and the requested extras. */
export function makePredictCommand(): Command {
  return withConfiguration(new Command('predict'))
    .description(
      'segment images and predict which structures are present; write masks (HDF5, or NIfTI for scans), one label volume per scan, presence.csv and presence.json',
    )
    .requiredOption(
      '--weights <file>',
      'the model: .pth or .pt (a checkpoint or a state dict) or safetensors, the content decides; or a name that models lists; repeat it to average several models',
      collect,
    )
    .requiredOption(
      '--input <path>',
      'a scan (NIfTI, NRRD, MetaImage, DICOM), a folder of scans, an HDF5 file with the dataset images, (N, H, W, D) or (N, C, H, W, D), or a dataset folder; repeat it for several scans',
      collect,
    )
    .addOption(new Option('--split <name>', 'split of a dataset folder').choices(SPLIT_NAMES).default('test'))
    .option('--series <uid>', 'the series to use if a DICOM folder holds several volumes')
    .requiredOption('-o, --output <dir>', 'folder for the results')
    .option('--probabilities', 'also write the probabilities behind the masks, float32')
    .option('--attention', 'also write the attention map of each structure, float32')
    .option(
      '--uncertainty',
      'also write how far several models disagree: the standard deviation of their probabilities, float32',
    )
    .option('--largest-component', 'keep only the largest connected component of each mask (26 neighbours)')
    .option(
      '--flips',
      'average over mirrored inputs, along the axes that training flipped or those of augmentation.flip_axes given after with',
    )
    .option('--sliding-window', 'run sliding-window inference on larger volumes; only for models trained on patches')
    .option(
      '--overlap <share>',
      `share of a window that the next one overlaps (default: ${DEFAULT_OVERLAP})`,
      numberOption,
    )
    .option(
      '--raw',
      'also write raw.h5: every output of the model, float32, without the presence gate (position_priors has no sample axis)',
    )
    .option('--batch-size <n>', 'samples per batch (default: training.batch_size of the configuration)')
    .option('--skip-bad', 'exit with 0 although scans could not be predicted; they are listed either way')
    .option('--overwrite', 'also replace files of these names that are not unchanged results of this program')
    .addOption(gpusOption())
    .option('--json', 'print the results and the paths of the files as one JSON object')
    .action(orInRanks(runPredict))
}

function runPredict(words: string[], options: PredictOptions): Promise<void> {
  return asRank(ranks => predictAs(ranks, words, options))
}

async function predictAs(ranks: Ranks, words: string[], options: PredictOptions): Promise<void> {
  const loaded = configurationOf(withBatchSize(words, options), options)
  const { weights, input, split, output, probabilities = false, attention = false, raw = false } = options
  const request = {
    config: loaded.config,
    ...givenThreshold(loaded),
    weights,
    input,
    split,
    series: options.series,
    output,
    overwrite: options.overwrite ?? false,
    raw,
    probabilities,
    attention,
    uncertainty: options.uncertainty ?? false,
    largestComponent: options.largestComponent ?? false,
    ...overlapOf(options),
    ...(options.flips && { flips: givenFlipAxes(loaded) ?? ('trained' as const) }),
    ranks,
  }
  if (ranks.rank > 0) return helpPredict({ ...request, ...SILENT })
  const progress = progressOf('predicted')
  const prediction = await predict({
    ...request,
    say,
    progress: progress.update,
    compiling: progressOf('compiling kernels').update,
  }).finally(progress.end)
  if (options.json) process.stdout.write(`${JSON.stringify(prediction)}\n`)
  else for (const line of predictionLines(prediction, output)) say(line)
  if (prediction.failed.length > 0 && !options.skipBad) process.exitCode = FAILED
}

function overlapOf({ slidingWindow, overlap }: PredictOptions): { overlap?: number } {
  if (slidingWindow) return { overlap: overlap ?? DEFAULT_OVERLAP }
  if (overlap !== undefined) throw new InputError('--overlap applies to windows, expected --sliding-window with it')
  return {}
}

/** augmentation.flip_axes if the user set it; otherwise the checkpoint's value applies. */
function givenFlipAxes({ config, updates }: LoadedConfig): readonly number[] | undefined {
  const isGiven = isJsonObject(updates.augmentation) && Object.hasOwn(updates.augmentation, 'flip_axes')
  return isGiven ? config.augmentation.flip_axes : undefined
}

type Found = Prediction['found'][number]

/** Lines for single scans at most; more scans are counted, and of failures the first ones are listed. */
const MOST_LINES = 10

/** The end of a prediction: what is present in each scan, or in how many scans; the folder of the results; what was not predicted. */
function predictionLines({ found, present, failed }: Prediction, output: string): string[] {
  const [only] = found
  const lines =
    found.length === 1 && failed.length === 0
      ? [`${presenceText(only!)}; files: ${output}`]
      : found.length <= MOST_LINES
        ? [...found.map(each => `${nameOf(each)}: ${presenceText(each)}`), `files: ${output}`]
        : [`${countText(present, found.length)}; files: ${output}`]
  return [...lines, ...failureLines(failed, found.length)]
}

function presenceText({ structures }: Found): string {
  const all = Object.entries(structures)
  const names = all.filter(([, { present }]) => present).map(([name, each]) => `${name} ${sizeText(each)}`)
  const absent = all.filter(([, { present }]) => !present).map(([name]) => name)
  return `present: ${listed(names) || 'none'}; absent: ${listed(absent) || 'none'}`
}

/** Of the mask: in voxels if the voxel size is unknown. */
function sizeText({ volume_ml, mask_voxels }: Found['structures'][string]): string {
  if (volume_ml === null) return `${mask_voxels} voxels`
  return `${volume_ml < 10 ? Number(volume_ml.toPrecision(2)) : Math.round(volume_ml)} ml`
}

function countText(present: Prediction['present'], all: number): string {
  return `present in ${all}: ${listed(Object.entries(present).map(([name, count]) => `${name} in ${count}`))}`
}

function nameOf({ sample, scan }: Found): string {
  return scan === '' ? `sample ${sample}` : listed([scan])
}

function failureLines(failed: Prediction['failed'], predicted: number): string[] {
  if (failed.length === 0) return []
  const rest = failed.length - MOST_LINES
  return [
    ...failed.slice(0, MOST_LINES).map(({ reason }) => `not predicted: ${reason}`),
    ...(rest > 0 ? [`not predicted: ${rest} more, all listed in presence.json`] : []),
    `${failed.length} of ${failed.length + predicted} could not be predicted`,
  ]
}

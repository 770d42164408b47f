import { Command, Option } from 'commander'
import { SPLIT_NAMES, type SplitName } from '../src/data/dataset.ts'
import { type Prediction, predict } from '../src/train/predict.ts'
import { givenThreshold, withBatchSize } from './evaluate.ts'
import { configurationOf, withConfiguration } from './options.ts'
import { progressOf } from './progress.ts'

interface PredictOptions {
  config?: string
  weights: string
  input: string
  split: SplitName
  output: string
  raw?: boolean
  batchSize?: string
  json?: boolean
}

/** `predict`: writes masks.h5 or masks/STRUCTURE.nii.gz, presence.csv, presence.json, and raw.h5 if asked for. */
export function makePredictCommand(): Command {
  return withConfiguration(new Command('predict'))
    .description(
      'segment images and tell which structures are absent; writes masks (HDF5, or NIfTI for a NIfTI scan), presence.csv and presence.json',
    )
    .requiredOption('--weights <file>', 'the model: .pth (a checkpoint or a state_dict) or safetensors')
    .requiredOption(
      '--input <path>',
      'a NIfTI scan, an HDF5 file with the dataset images, (N, H, W, D) or (N, C, H, W, D), or a dataset directory',
    )
    .addOption(new Option('--split <name>', 'which part of a dataset directory').choices(SPLIT_NAMES).default('test'))
    .requiredOption('-o, --output <dir>', 'folder for the results')
    .option(
      '--raw',
      'also write raw.h5: every output of the model, float32, without the presence gate (position_priors has no axis of samples)',
    )
    .option('--batch-size <n>', 'samples at once; training.batch_size of the configuration if not given')
    .option('--json', 'print what was found and written as one JSON object on standard output')
    .action(runPredict)
}

async function runPredict(words: string[], options: PredictOptions): Promise<void> {
  const loaded = configurationOf(withBatchSize(words, options), options)
  const say = (line: string): void => console.error(line)
  const progress = progressOf('predicted')
  const { weights, input, split, output, raw = false } = options
  const prediction = await predict({
    config: loaded.config,
    ...givenThreshold(loaded),
    weights,
    input,
    split,
    output,
    raw,
    say,
    progress: progress.update,
  }).finally(progress.end)
  if (options.json) process.stdout.write(`${JSON.stringify(prediction)}\n`)
  else report(prediction, say)
}

function report({ samples, present, files }: Prediction, say: (line: string) => void): void {
  say(`samples   ${samples}`)
  const counts = Object.entries(present).map(([name, count]) => `${name} in ${count}`)
  say(`present   ${counts.join(', ')}`)
  say(`written   ${files.join(', ')}`)
}

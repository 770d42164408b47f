import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { loadConfig } from '../src/config/load.ts'
import { GENERATE_DEFAULTS, generateDataset } from '../src/data/generate.ts'
import { ensureAdapter } from '../src/gpu/adapter.ts'
import { Console } from '../src/track/console.ts'
import { type Evaluation, evaluate } from '../src/train/evaluate.ts'
import { train } from '../src/train/training.ts'
import { progressOf } from './progress.ts'
import { stopOnSignals } from './signals.ts'

/**
 * What a processor alone does in about three minutes. At so few steps a high rate, a heavy Dice term and unaugmented samples learn the
 * large structures; the published experiment is in the documentation.
 */
const IMAGE_SIZE = [32, 16, 16] as const
const SAMPLES = 60
const CHANNELS = [3, 6, 12, 16, 16]
const EPOCHS = 6
const TRAINING = { batch_size: 2, learning_rate: 2e-2, gradient_accumulation_steps: 1, warmup_epochs: 0 }

/** `demo`: from nothing to a trained model and its metrics, with visible progress. */
export function makeDemoCommand(): Command {
  return new Command('demo')
    .description('set up an adapter if there is none, generate a small dataset, train on it and evaluate')
    .option('--output-dir <dir>', 'folder for everything it writes', 'sadaan-demo')
    .action(({ outputDir }: { outputDir: string }) => runDemo(outputDir))
}

async function runDemo(folder: string): Promise<void> {
  const console = new Console({ stream: process.stderr, environment: process.env })
  const started = performance.now()
  await ensureAdapter(line => console.line(line))
  const dataset = join(folder, 'dataset')
  await generate(dataset)
  const config = writeConfig(folder, dataset)
  const signals = stopOnSignals(line => console.line(line))
  const { config: loaded, namedConfigs } = loadConfig({ file: config, overrides: [] })
  const report = await train({
    config: loaded,
    resume: false,
    runs: join(folder, 'sacred_runs'),
    identity: { namedConfigs },
    console,
    stop: signals.stop,
  })
  if (report.status !== 'COMPLETED') {
    process.exitCode = signals.exitCode()
    return
  }
  const output = join(folder, 'evaluation')
  const say = (line: string): void => console.line(line)
  const evaluation = await evaluate({
    config: loaded,
    weights: report.bestPath,
    dataset,
    split: 'test',
    output,
    say,
    progress: () => undefined,
  })
  conclude(evaluation, { model: report.bestPath, run: report.run!, config }, (performance.now() - started) / 1000, say)
}

async function generate(outputDir: string): Promise<void> {
  const progress = progressOf('generated')
  const options = {
    ...GENERATE_DEFAULTS,
    outputDir,
    imageSize: [...IMAGE_SIZE] as [number, number, number],
    totalSamples: SAMPLES,
  }
  await generateDataset(options, done => progress.update(done, SAMPLES)).finally(progress.end)
}

/** The configuration as a user would write it: a part of the tree. Returns its path. */
function writeConfig(folder: string, dataset: string): string {
  const path = join(folder, 'config.json')
  const config = {
    dataset_path: dataset,
    model: { channels: CHANNELS },
    training: { ...TRAINING, num_epochs: EPOCHS },
    loss_weights: { dice: 10 },
    augmentation: { enabled: false },
    optimizer: { lr_restart_period: EPOCHS },
    checkpoint: { save_dir: join(folder, 'checkpoints') },
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`)
  return path
}

function conclude(
  { samples, metrics, files }: Evaluation,
  paths: { model: string; run: string; config: string },
  seconds: number,
  say: (line: string) => void,
): void {
  const { segmentation_per_structure, segmentation_overall, presence_overall_accuracy } = metrics
  const best = Object.entries(segmentation_per_structure)
    .filter(([, { num_samples }]) => num_samples > 0)
    .sort(([, a], [, b]) => (b.mean_dice ?? 0) - (a.mean_dice ?? 0))
    .slice(0, 4)
  say('')
  say(
    `trained     a narrow SADAAN (channels ${CHANNELS.join(', ')}) on synthetic ${IMAGE_SIZE.join('×')} scans, ${EPOCHS} epochs, ${seconds.toFixed(0)} s in all`,
  )
  say(
    `how well    on ${samples} scans it never saw: presence right in ${(100 * (presence_overall_accuracy ?? 0)).toFixed(1)} %, mean Dice ${segmentation_overall.mean_dice?.toFixed(3)}`,
  )
  say(`            best: ${best.map(([name, { mean_dice }]) => `${name} ${mean_dice?.toFixed(2)}`).join(', ')}`)
  say(`model       ${paths.model}`)
  say(`metrics     ${files.metrics}`)
  say(`run record  ${paths.run}`)
  say(`again       npx sadaan-gpu train --config ${paths.config}`)
}

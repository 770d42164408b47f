import { dirname, join } from 'node:path'
import { Command } from 'commander'
import { loadConfig } from '../src/config/load.ts'
import { GENERATE_DEFAULTS } from '../src/data/synthetic/generate.ts'
import { runCourse } from '../src/experiment/course.ts'
import { ensureAdapter } from '../src/gpu/adapter.ts'
import type { DetailedMetrics } from '../src/report/detailed_metrics.ts'
import { metricText } from '../src/report/text/number_text.ts'
import { Console } from '../src/track/console/console.ts'
import { makeFolder } from '../src/util/files/folder.ts'
import { ResultFolder } from '../src/util/files/result_folder.ts'
import { jsonBytes, readText } from '../src/util/whole_file.ts'
import { progressOf } from './console/progress.ts'
import { stopOnSignals } from './process/signals.ts'

/**
 * A run that a CPU completes in about three minutes. With so few steps, learning the large structures takes a high learning rate, a
 * heavy Dice term and no augmentation. The documentation describes the published experiment.
 */
const IMAGE_SIZE = [32, 16, 16] as const
const SAMPLES = 60
const CHANNELS = [3, 6, 12, 16, 16]
const EPOCHS = 6
const TRAINING = { batch_size: 2, learning_rate: 2e-2, gradient_accumulation_steps: 1, warmup_epochs: 0 }

/** `demo`: goes from nothing to a trained model and its metrics, with visible progress. */
export function makeDemoCommand(): Command {
  return new Command('demo')
    .description('install a software adapter if needed, generate a small dataset, train on it and evaluate')
    .option('--output-dir <dir>', 'folder for all output', 'sadaan-demo')
    .action(({ outputDir }: { outputDir: string }) => runDemo(outputDir))
}

async function runDemo(folder: string): Promise<void> {
  const console = new Console({ stream: process.stderr, environment: process.env })
  const started = performance.now()
  await ensureAdapter(line => console.line(line))
  const file = writeConfig(folder)
  const signals = stopOnSignals(line => console.line(line))
  const { config, namedConfigs } = loadConfig({ file, overrides: [] })
  const { training, metrics } = await runCourse({
    config,
    data: { ...GENERATE_DEFAULTS, imageSize: [...IMAGE_SIZE], totalSamples: SAMPLES },
    folder,
    splits: ['test'],
    goOn: false,
    identity: { namedConfigs },
    console,
    progress: progressOf,
    stop: signals.stop,
  })
  const path = metrics?.test
  if (!training || path === undefined) {
    process.exitCode = signals.exitCode()
    return
  }
  const seconds = (performance.now() - started) / 1000
  const paths = { metrics: path, model: training.bestPath, run: training.run!, config: file }
  conclude(JSON.parse(readText(path)), paths, seconds, line => console.line(line))
}

/** Writes the configuration as a user would: a part of the tree. Returns its path. */
function writeConfig(folder: string): string {
  const config = {
    dataset_path: join(folder, 'dataset'),
    model: { channels: CHANNELS },
    training: { ...TRAINING, num_epochs: EPOCHS },
    loss_weights: { dice: 10 },
    augmentation: { enabled: false },
    optimizer: { lr_restart_period: EPOCHS },
    checkpoint: { save_dir: join(folder, 'checkpoints') },
  }
  makeFolder(folder, 'a folder for the results')
  return new ResultFolder(folder).write('config.json', [jsonBytes(config)])
}

function conclude(
  metrics: DetailedMetrics,
  paths: { metrics: string; model: string; run: string; config: string },
  seconds: number,
  say: (line: string) => void,
): void {
  const { segmentation_per_structure, segmentation_overall, presence_overall_accuracy } = metrics
  const best = Object.entries(segmentation_per_structure)
    .filter(([, { num_samples }]) => num_samples > 0)
    .sort(([, a], [, b]) => b.mean_dice! - a.mean_dice!)
    .slice(0, 4)
  say('')
  say(
    `trained     a narrow SADAAN (channels ${CHANNELS.join(', ')}) on synthetic ${IMAGE_SIZE.join('×')} scans, ${EPOCHS} epochs, ${seconds.toFixed(0)} s in total`,
  )
  say(
    `metrics     on ${metrics.num_samples} scans that it never saw: presence accuracy ${metricText(presence_overall_accuracy)}, mean Dice ${metricText(segmentation_overall.mean_dice)}`,
  )
  say(`            best: ${best.map(([name, { mean_dice }]) => `${name} ${mean_dice!.toFixed(2)}`).join(', ')}`)
  say(`model       ${paths.model}`)
  say(`report      ${join(dirname(paths.metrics), 'report.html')} (open it in a browser)`)
  say(`            ${paths.metrics}`)
  say(`run record  ${paths.run}`)
  say(`next        npx sadaan-gpu train --config ${paths.config}`)
}

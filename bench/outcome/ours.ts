import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts'
import { InputError } from '../../src/util/error.ts'
import { factsOf, namesIn } from '../../src/util/files/lookup.ts'
import { nodeParameters, ourJson } from '../processes.ts'
import type { StepReport } from '../step/step.ts'
import { dataOf } from './fold.ts'
import { runJob } from './job.ts'
import type { PredictionTask, Snapshot, Tool, Trained, TrainingTask } from './tool.ts'

export interface OurSettings {
  /** the command line's configuration: --config, and the words after `with` */
  config?: string
  words: readonly string[]
  /** options of `import`, such as --spacing 1.5 or --recipe DIR */
  importOptions: readonly string[]
}

const MEASURED_STEPS = 5

/** Of the benchmark: they win over named configurations, but not over a key that the user gives. */
type Words = readonly string[]

/** sadaan-gpu: `import`, `train` and `predict` in processes of their own. */
export class Ours implements Tool {
  readonly name = 'ours'
  readonly settings: string
  private readonly given: OurSettings

  constructor(settings: OurSettings) {
    this.given = settings
    this.settings = [...settings.importOptions, ...this.configuration([])].join(' ')
  }

  async train(task: TrainingTask): Promise<Trained> {
    const dataset = await importFold(task, this.given.importOptions)
    const words = [`dataset_path=${dataset}`, `seed=${task.seed}`]
    const loaded = this.load(words)
    const { step_s, first_step_s, adapter } = await this.measure(words)
    const batches = Math.floor(task.fold.train.length / loaded.config.training.batch_size)
    if (batches === 0)
      throw new InputError(
        `bench outcome: ${task.fold.train.length} training scans are fewer than one batch of ${loaded.config.training.batch_size}`,
      )
    // the validation at the end is forward only, a third of a step's work
    const validation = Math.ceil(task.fold.curve.length / loaded.config.training.batch_size) * (step_s / 3)
    const seconds = task.seconds - first_step_s.total - validation
    const epochs = this.isGiven('training.num_epochs')
      ? loaded.config.training.num_epochs
      : Math.max(1, Math.floor(seconds / (batches * step_s)))
    const saved = join(task.folder, 'checkpoints')
    const every = Math.max(1, Math.round(epochs / task.snapshots))
    const schedule = [...words, ...scheduleWords(epochs, every), `checkpoint.save_dir=${saved}`]
    task.say(`  ${epochs} epochs of ${batches} batches, ${step_s.toPrecision(3)} s each, on ${adapter}`)
    const job = await runJob<{ epochs: number }>({
      program: process.execPath,
      parameters: [
        ...nodeParameters('cli/main.ts'),
        'train',
        '--unobserved',
        '--json',
        ...this.configuration(schedule),
      ],
      log: join(task.folder, 'train.log'),
      stop: task.stop,
    })
    return {
      seconds: job.seconds,
      epochs: job.value.epochs,
      samples: job.value.epochs * batches * loaded.config.training.batch_size,
      peak_bytes: job.peak_bytes,
      device: adapter,
      snapshots: snapshotsIn(saved, job.started, job.value.epochs),
    }
  }

  async predict({ weights, images, output, folder, stop }: PredictionTask): Promise<void> {
    const words = this.given.words.filter(word => word.startsWith('compute.adapter='))
    const options = ['--weights', weights, '--input', images, '--output', output, '--overwrite', '--json']
    await runJob({
      program: process.execPath,
      parameters: [...nodeParameters('cli/main.ts'), 'predict', ...options, 'with', ...words],
      log: join(folder, 'predict.log'),
      stop,
    })
  }

  private measure(words: Words): Promise<StepReport> {
    const parameters = ['bench', 'step', '--json', '--steps', `${MEASURED_STEPS}`, ...this.configuration(words)]
    return ourJson<StepReport>('cli/main.ts', parameters)
  }

  private load(words: Words): LoadedConfig {
    const { config } = this.given
    return loadConfig({ ...(config === undefined ? {} : { file: config }), overrides: this.allWords(words) })
  }

  private allWords(words: Words): string[] {
    return [...this.given.words, ...words.filter(word => !this.isGiven(word.split('=', 1)[0]!))]
  }

  private isGiven(key: string): boolean {
    return this.given.words.some(word => word.startsWith(`${key}=`))
  }

  private configuration(words: Words): string[] {
    const { config } = this.given
    const all = this.allWords(words)
    return [...(config === undefined ? [] : ['--config', config]), ...(all.length > 0 ? ['with', ...all] : [])]
  }
}

/** A schedule over the whole run, one validation at its end, and models saved on the way. */
function scheduleWords(epochs: number, every: number): string[] {
  return [
    `training.num_epochs=${epochs}`,
    `training.validate_every_n_epochs=${epochs}`,
    `training.early_stopping_patience=${epochs}`,
    `optimizer.lr_restart_period=${epochs}`,
    `checkpoint.save_frequency=${every}`,
    'logging.visualize_predictions=False',
  ]
}

/** The fold as a dataset, for ours and for MONAI. Imports it unless an earlier run did. Returns its folder. */
export async function importFold(
  { fold, stop, say }: Pick<TrainingTask, 'fold' | 'stop' | 'say'>,
  options: readonly string[],
): Promise<string> {
  const key = createHash('sha256').update(options.join('\0')).digest('hex').slice(0, 8)
  const dataset = join(fold.folder, `dataset_${key}`)
  if (existsSync(join(dataset, 'metadata.json'))) return dataset
  say(`  import ${options.join(' ')}`)
  await runJob({
    program: process.execPath,
    parameters: [
      ...nodeParameters('cli/main.ts'),
      ...['import', '--images', dataOf(fold), '--output-dir', dataset, '--json'],
      ...options,
    ],
    log: join(fold.folder, 'import.log'),
    stop,
  })
  return dataset
}

/** The checkpoints of a training that began at `started` (ms since 1970), by the time when each was on disk. */
function snapshotsIn(folder: string, started: number, epochs: number): Snapshot[] {
  const last = `checkpoint_epoch_${epochs}.pth` // the same weights as last.pth
  const names = namesIn(folder).filter(name => /^checkpoint_epoch_\d+\.pth$/.test(name) && name !== last)
  const snapshots = [...names, 'last.pth'].map(name => {
    const path = join(folder, name)
    return { path, seconds: (factsOf(path)!.mtimeMs - started) / 1000 }
  })
  return snapshots.sort((a, b) => a.seconds - b.seconds)
}

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Checkpoint, readCheckpoint } from '../checkpoint/checkpoint.ts'
import type { Json } from '../config/json.ts'
import { differingKeys } from '../config/load.ts'
import { type Config, configSchema } from '../config/schema.ts'
import type { LossScale } from '../optim/loss_scale.ts'
import type { ScheduleState } from '../optim/schedule.ts'
import type { RecordedChoice } from '../tune/choice.ts'
import { InputError } from '../util/error.ts'
import type { BestModel } from './early_stopping.ts'

/** What a bit-exact continuation needs beyond the weights and the optimiser: our own key of a checkpoint. */
export interface Progress {
  config: Config
  schedule: ScheduleState
  best: BestModel
  /** training batches done since the start */
  batches: number
  /** updates left out because the gradient was not finite */
  skipped: number
  /** where activations are f16 */
  lossScale?: LossScale
  /** id of the run that wrote it; null when unobserved */
  run: number | null
  /** the kernels' variants, which fix the order of sums; a checkpoint of an older version has none */
  variants?: RecordedChoice
}

export interface ResumePoint {
  path: string
  checkpoint: Checkpoint
  progress: Progress
}

/** Keys that a resumed run may change: they touch neither the model nor what it has learned so far. */
const FREE_KEYS =
  /^(dataset_path|training\.(num_epochs|early_stopping_patience|num_workers|pin_memory|memory_cleanup_frequency|max_history_length|validate_every_n_epochs)|model\.pretrained|checkpoint\.|logging\.|compute\.)/

/** Progress as a checkpoint holds it. */
export function toRecord(progress: Progress): Record<string, Json> {
  return { ...progress } as unknown as Record<string, Json>
}

/**
 * Where to go on: `path`, or the newest checkpoint of `config.checkpoint.save_dir` that can be read (those that cannot are named to
 * `say`). Undefined when there is none. Throws InputError when a given path cannot be read, or when the configuration does not
 * fit, listing the keys that differ.
 */
export function findResumePoint(
  config: Config,
  path: string | undefined,
  say: (line: string) => void,
): ResumePoint | undefined {
  if (path !== undefined) return open(path, config)
  for (const candidate of newestFirst(config.checkpoint.save_dir)) {
    try {
      return open(candidate, config)
    } catch (error) {
      if (!(error instanceof InputError) || error instanceof ResumeMismatch) throw error
      say(`${error.message}; trying an earlier checkpoint`)
    }
  }
  return undefined
}

class ResumeMismatch extends InputError {}

function newestFirst(directory: string): string[] {
  if (!existsSync(directory)) return []
  const paths = readdirSync(directory)
    .filter(name => /^(last|best_model|checkpoint_epoch_\d+)\.pth$/.test(name))
    .map(name => join(directory, name))
  const age = (path: string): number => statSync(path).mtimeMs
  const rank = (path: string): number => (path.endsWith('last.pth') ? 0 : path.endsWith('best_model.pth') ? 2 : 1)
  return paths.sort((a, b) => age(b) - age(a) || rank(a) - rank(b))
}

function open(path: string, config: Config): ResumePoint {
  const checkpoint = readCheckpoint(path)
  if (!checkpoint.optimizer || !checkpoint.sadaan)
    throw new InputError(
      `${path}: no training state of sadaan-gpu in it; to start from its weights set model.pretrained`,
    )
  const progress = checkpoint.sadaan as unknown as Progress
  const parsed = configSchema.safeParse(progress.config)
  if (!parsed.success) throw new InputError(`${path}: its configuration cannot be read by this version`)
  const differing = differingKeys(parsed.data, config).filter(key => !FREE_KEYS.test(key))
  if (differing.length)
    throw new ResumeMismatch(
      `${path}: cannot be resumed with another ${differing.join(', ')}; expected the values it was trained with`,
    )
  return { path, checkpoint, progress }
}

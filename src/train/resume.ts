import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Checkpoint, readCheckpoint } from '../checkpoint/checkpoint.ts'
import type { Json, JsonObject } from '../config/json.ts'
import { differingKeys, leavesOf } from '../config/load.ts'
import { type Config, configSchema } from '../config/schema.ts'
import type { LossScale } from '../optim/loss_scale.ts'
import type { ScheduleState } from '../optim/schedule.ts'
import type { RecordedChoice } from '../tune/choice.ts'
import { InputError } from '../util/error.ts'
import type { DataFingerprint } from './data_fingerprint.ts'
import type { BestModel } from './early_stopping.ts'
import { progressOfOriginal } from './original_checkpoint.ts'
import type { TallyState } from './tally.ts'

/** Where a training stands, always behind an update. */
export interface Position {
  /** the epoch under way or the next one, from 0 */
  epoch: number
  /** its training batches done; with all of them done, its validation is due */
  batch: number
  /** figures of those batches, where there are any */
  tally?: TallyState
}

/** What a bit-exact continuation needs beyond the weights and the optimiser: our own key of a checkpoint. */
export interface Progress {
  config: Config
  /** a checkpoint of a version that saved at the end of an epoch only has none */
  position?: Position
  /** the scheduler's state_dict of the checkpoint says it where this does not */
  schedule?: ScheduleState
  best: BestModel
  /** training batches done since the start */
  batches: number
  /** updates left out because the gradient was not finite, in all and just now in a row */
  skipped: number
  skippedInARow?: number
  /** where activations are f16 */
  lossScale?: LossScale
  /** id of the run that wrote it; null when unobserved */
  run: number | null
  /** the kernels' variants, which fix the order of sums; a checkpoint of an older version has none */
  variants?: RecordedChoice
  /** what it was trained with; a checkpoint of an older version does not say */
  data?: DataFingerprint
}

export interface ResumePoint {
  path: string
  checkpoint: Checkpoint
  progress: Progress
  position: Position
}

/** Keys that a resumed run may change: they touch neither the model nor what it has learned so far, nor what is best. */
const FREE_KEYS =
  /^(dataset_path|training\.(num_epochs|early_stopping_patience|num_workers|pin_memory|memory_cleanup_frequency|max_history_length|validate_every_n_epochs)|model\.pretrained|checkpoint\.(save_dir|save_frequency|save_minutes|keep_best_only)|logging\..*|compute\..*)$/

/** Progress as a checkpoint holds it. */
export function toRecord(progress: Progress): Record<string, Json> {
  return { ...progress } as unknown as Record<string, Json>
}

/** `epoch 3 batch 17`, or `after epoch 3`; counted from 1. */
export function placeText({ epoch, batch }: Position): string {
  return batch > 0 ? `epoch ${epoch + 1} batch ${batch}` : `after epoch ${epoch}`
}

/**
 * Where to go on: `path`, or the newest checkpoint of `config.checkpoint.save_dir` that can be read (those that cannot are named to
 * `say`). Undefined when there is none. Throws InputError when a given path cannot be read, or when the configuration does not
 * fit, listing the keys that differ with both values.
 */
export function findResumePoint(
  config: Config,
  path: string | undefined,
  say: (line: string) => void,
): ResumePoint | undefined {
  if (path !== undefined) return open(path, config, say)
  for (const candidate of newestFirst(config.checkpoint.save_dir)) {
    try {
      return open(candidate, config, say)
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

function open(path: string, config: Config, say: (line: string) => void): ResumePoint {
  const checkpoint = readCheckpoint(path)
  if (!checkpoint.optimizer)
    throw new InputError(`${path}: no optimiser state in it; to start from its weights set model.pretrained`)
  const progress = checkpoint.sadaan
    ? ownProgress(path, checkpoint.sadaan as unknown as Progress, config)
    : progressOfOriginal(path, checkpoint, config, say)
  return { path, checkpoint, progress, position: progress.position ?? { epoch: checkpoint.epoch + 1, batch: 0 } }
}

function ownProgress(path: string, progress: Progress, config: Config): Progress {
  const parsed = configSchema.safeParse(progress.config)
  if (!parsed.success) throw new InputError(`${path}: its configuration cannot be read by this version`)
  checkPosition(path, progress.position)
  const [there, here] = [parsed.data, config].map(tree => new Map(leavesOf(tree as unknown as JsonObject)))
  const differing = differingKeys(parsed.data, config).filter(key => !FREE_KEYS.test(key))
  if (differing.length === 0) return progress
  const values = differing.map(
    key => `${key} is ${JSON.stringify(here!.get(key))}, was ${JSON.stringify(there!.get(key))}`,
  )
  throw new ResumeMismatch(
    `${path}: cannot be resumed with values other than it was trained with: ${values.join('; ')}`,
  )
}

function checkPosition(path: string, position: Position | undefined): void {
  const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
  if (position !== undefined && !(isCount(position.epoch) && isCount(position.batch)))
    throw new InputError(`${path}: sadaan_gpu.position cannot be read, expected an epoch and its batches done`)
}

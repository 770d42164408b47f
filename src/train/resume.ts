import { isDeepStrictEqual } from 'node:util'
import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import { differingKeys, leavesOf } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { Dataset } from '../data/dataset/dataset.ts'
import { preparationChanges } from '../run/dataset_facts.ts'
import { InputError } from '../util/error.ts'
import { listed } from '../util/listing.ts'
import { newestIn, type OpenCheckpoint, openCheckpoint } from './checkpoint_folder.ts'
import { type DataFingerprint, fingerprintOf, OF_VALIDATION } from './data_fingerprint.ts'
import { type BestModel, noBestModel } from './early_stopping.ts'
import type { Progress } from './progress.ts'

export interface ResumePoint extends OpenCheckpoint {
  progress: Progress
}

/**
 * Keys that a resumed run may change. They affect neither the model, nor its training so far, nor which model is best. The number of epochs
 * does, where it is the length of the schedule.
 */
const FREE_KEYS =
  /^(dataset_path|training\.(num_epochs|early_stopping_patience|num_workers|pin_memory|memory_cleanup_frequency|max_history_length|validate_every_n_epochs)|model\.pretrained|checkpoint\.(save_dir|save_frequency|save_minutes|keep_best_only)|logging\..*|compute\..*)$/

/**
 * The checkpoint to resume from: `path`, or the one of the latest position in `config.checkpoint.save_dir`, naming damaged ones to `say`.
 * Undefined if there is none. Throws InputError if none can be opened, or one that may be the latest cannot be read, or if the configuration
 * does not match, listing the keys that differ with both values.
 */
export function findResumePoint(
  config: Config,
  path: string | undefined,
  ranks: number,
  say: (line: string) => void,
): ResumePoint | undefined {
  const found = path === undefined ? newestIn(config.checkpoint.save_dir, say) : openCheckpoint(path)
  if (!found) return undefined
  const { progress } = found
  const resuming = { config, ranks, say }
  return {
    ...found,
    progress: progress ? matching(found.path, progress, resuming) : progressOfOriginal(found, resuming),
  }
}

interface Resuming {
  config: Config
  ranks: number
  say(line: string): void
}

function matching(path: string, progress: Progress, { config, ranks, say }: Resuming): Progress {
  const [there, here] = [progress.config, config].map(tree => new Map(leavesOf(tree)))
  const isFree = (key: string): boolean => FREE_KEYS.test(key) && !(key === EPOCHS && isScheduledOverRun(config))
  const isShared = ranks !== (progress.ranks ?? 1)
  const shares = isShared ? differingShares(progress, config, ranks) : []
  const differing = differingKeys(progress.config, config).filter(
    key => !isFree(key) && !(isShared && SHARED.test(key)),
  )
  if (differing.length + shares.length === 0) {
    if (isShared && !(isSummedAsOne(progress.config, progress.ranks ?? 1) && isSummedAsOne(config, ranks)))
      say(
        `${path}: goes on with ${ranks} ranks, was trained with ${progress.ranks ?? 1}: training.gradient_accumulation_steps is no power of two, so the gradients are summed in another order`,
      )
    return progress
  }
  const values = differing.map(
    key => `${key} is ${JSON.stringify(here!.get(key))}, was ${JSON.stringify(there!.get(key))}`,
  )
  values.push(...shares)
  const why = differing.join() === EPOCHS ? LONGER : ''
  throw new InputError(`${path}: cannot be resumed with a different configuration: ${listed(values, '; ')}${why}`)
}

/** Keys that another number of ranks may change. */
const SHARED = /^training\.(batch_size|gradient_accumulation_steps)$/

/** What must then be the same: the samples of a rank's batch, and the batches of an update. */
function sharesOf({ training }: Config, ranks: number): [string, number][] {
  return [
    ['training.batch_size / ranks', training.batch_size / ranks],
    ['ranks · training.gradient_accumulation_steps', ranks * training.gradient_accumulation_steps],
  ]
}

function differingShares({ config: before, ranks: earlier = 1 }: Progress, config: Config, ranks: number): string[] {
  const there = sharesOf(before, earlier)
  return sharesOf(config, ranks).flatMap(([what, value], i) =>
    value === there[i]![1] ? [] : [`${what} is ${value}, was ${there[i]![1]}`],
  )
}

/** Whether ranks sum the gradients of a window in the order of one process: see WindowSum. */
function isSummedAsOne({ training }: Config, ranks: number): boolean {
  return ranks === 1 || Number.isInteger(Math.log2(training.gradient_accumulation_steps))
}

const EPOCHS = 'training.num_epochs'
const LONGER =
  ', over which optimizer.lr_scheduler=cosine_over_run lowers the rate; model.pretrained starts a new run from these weights'

function isScheduledOverRun({ optimizer }: Config): boolean {
  return optimizer.lr_scheduler === 'cosine_over_run'
}

/**
 * Compares the dataset with that of the checkpoint, as far as both are known. A different validation split is a warning, because the best
 * model so far was selected on the other. Any other difference is an InputError with both values.
 */
export function checkSameData(
  { path, checkpoint, progress }: Pick<ResumePoint, 'path' | 'checkpoint' | 'progress'>,
  dataset: Dataset,
  say: (line: string) => void,
): void {
  const trained: Partial<DataFingerprint> = progress.data ?? { structures: checkpoint.structureNames }
  const given = fingerprintOf(dataset)
  const differing = (Object.keys(trained) as (keyof DataFingerprint)[]).filter(
    key => given[key] !== undefined && JSON.stringify(given[key]) !== JSON.stringify(trained[key]),
  )
  const text = (key: keyof DataFingerprint): string =>
    key === 'structures'
      ? structuresText(given.structures, trained.structures!)
      : `${key} is ${JSON.stringify(given[key])}, was ${JSON.stringify(trained[key])}`
  const refused = [
    ...differing.filter(key => !OF_VALIDATION.includes(key)).map(text),
    ...preparedOtherwise(path, checkpoint, dataset),
  ]
  if (refused.length > 0)
    throw new InputError(`${path}: was not trained on ${dataset.directory}: ${listed(refused, '; ')}`)
  if (differing.length > 0)
    say(
      `warning: ${path}: the best model so far was selected on a different validation split: ${listed(differing.map(text), '; ')}`,
    )
}

/** The first structure that differs: there may be hundreds. */
function structuresText(given: readonly string[], trained: readonly string[]): string {
  const length = Math.max(given.length, trained.length)
  const s = Array.from({ length }, (_, i) => i).find(i => given[i] !== trained[i])!
  const isReordered = [...given].sort().join('\0') === [...trained].sort().join('\0')
  const what = isReordered ? 'the structures are in another order: number' : 'structure'
  return `${what} ${s} is ${given[s] ?? 'none'}, was ${trained[s] ?? 'none'}`
}

/** Facts of the dataset besides its fingerprint that the checkpoint states too. */
function preparedOtherwise(path: string, { sadaan = {} }: Checkpoint, dataset: Dataset): string[] {
  const { preparation, patches, channelNames } = dataset
  const prepared = preparationChanges(preparation, sadaan.preparation, path).map(line => `preparation: ${line}`)
  const others = Object.entries({ patches, channel_names: channelNames }).flatMap(([key, value]) => {
    const trained = sadaan[key]
    if (value === undefined || trained === undefined || isDeepStrictEqual(value, trained)) return []
    return [`${key} is ${JSON.stringify(value)}, was ${JSON.stringify(trained)}`]
  })
  return [...prepared, ...others]
}

/**
 * Progress reconstructed from a checkpoint of the original program. Its weights, moments, scheduler and loss histories are used as they
 * are, and one line to `say` states the rest: the best model has the lowest validation loss in the history (the original validates every
 * epoch), batches are updates times the accumulation window, and sample order and random numbers follow from our seed.
 */
function progressOfOriginal({ path, checkpoint }: OpenCheckpoint, { config, ranks, say }: Resuming): Progress {
  const { epoch, optimizer, valLossHistory } = checkpoint
  const best = config.checkpoint.monitor === 'total_loss' ? bestOf(epoch, valLossHistory) : noBestModel()
  const updates = Math.max(0, ...[...optimizer!.state.values()].map(({ step }) => step))
  const bestText = best.epoch === null ? 'none so far' : `epoch ${best.epoch + 1}, ${best.value!.toPrecision(4)}`
  say(
    `${path}: not written by sadaan-gpu: its weights, moments, scheduler and loss histories are used; best model ${bestText} (from the history); sample order and random numbers from seed ${config.seed}`,
  )
  const batches = updates * ranks * config.training.gradient_accumulation_steps
  return { config, best, batches, skipped: 0, run: null }
}

/** The epoch with the lowest validation loss. `losses` are those of the last epochs, up to `epoch`. */
export function bestOf(epoch: number, losses: readonly number[]): BestModel {
  const lowest = Math.min(...losses.filter(Number.isFinite))
  if (!Number.isFinite(lowest)) return noBestModel()
  const validationsSince = losses.length - 1 - losses.indexOf(lowest)
  return { value: lowest, epoch: epoch - validationsSince, validationsSince }
}

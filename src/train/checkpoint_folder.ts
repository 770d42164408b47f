import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Checkpoint, parseCheckpoint } from '../checkpoint/checkpoint.ts'
import { checkUsable } from '../run/weight_faults.ts'
import { InputError, messageOf } from '../util/error.ts'
import { codeOf, reasonOf } from '../util/files/reason.ts'
import { listed } from '../util/listing.ts'
import { readWhole } from '../util/whole_file.ts'
import { isLater, type Position, type Progress, readProgress } from './progress.ts'

/** A checkpoint that training can go on from. */
export interface OpenCheckpoint {
  path: string
  checkpoint: Checkpoint
  /** undefined in a checkpoint of the original program */
  progress: Progress | undefined
  position: Position
}

/** The folder, within that of the checkpoints, where those of earlier runs are set aside. */
export const EARLIER = 'earlier'

/** The names under which a training saves, also with the ending .pt that a copy may have, in the order in which the newest is looked for: the most likely one first. */
const NAMES = [/^last\.pth?$/, /^checkpoint_epoch_(\d+)\.pth?$/, /^best_model\.pth?$/]

/** The names of the checkpoints in a folder, those of later epochs first. Throws InputError if the folder cannot be read. */
export function checkpointsIn(directory: string): string[] {
  let names: string[]
  try {
    names = readdirSync(directory)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return []
    const found = code === 'ENOTDIR' ? 'not a folder' : `cannot be read (${reasonOf(error)})`
    throw new InputError(`${directory}: ${found}, expected a folder for checkpoints`, { cause: error })
  }
  const later = (a: string, b: string): number => (epochsIn(b) ?? 0) - (epochsIn(a) ?? 0)
  return NAMES.flatMap(pattern => names.filter(name => pattern.test(name)).sort(later))
}

/** The finished epochs that a name states; undefined for last.pth and best_model.pth. */
export function epochsIn(name: string): number | undefined {
  const digits = NAMES[1]!.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** A checkpoint whose bytes cannot be had. It may be whole: this is no damage. */
class UnreadableError extends InputError {}

/** Opens a checkpoint of any origin. Throws InputError: unreadable, damaged, or without what resuming needs. */
export function openCheckpoint(path: string): OpenCheckpoint {
  const checkpoint = parseCheckpoint(bytesOf(path), path)
  for (const weights of [checkpoint.model, checkpoint.live]) if (weights) checkUsable(floatsIn(weights), path)
  if (!checkpoint.optimizer)
    throw new InputError(`${path}: has no optimiser state; to start from its weights, set model.pretrained`)
  const progress = checkpoint.sadaan && readProgress(checkpoint.sadaan, path)
  if (progress && progress.config.optimizer.ema_decay > 0 && !checkpoint.live)
    throw new InputError(`${path}: sadaan_gpu has no live_state_dict, expected one beside averaged weights`)
  return { path, checkpoint, progress, position: progress?.position ?? { epoch: checkpoint.epoch + 1, batch: 0 } }
}

function bytesOf(path: string): Uint8Array {
  try {
    return readWhole(path)
  } catch (error) {
    throw new UnreadableError(messageOf(error), { cause: error })
  }
}

function floatsIn(weights: Checkpoint['model']): [string, ArrayLike<number>][] {
  return [...weights].flatMap(([name, { dtype, data }]) => (dtype === 'i64' ? [] : [[name, data]]))
}

/**
 * Opens the checkpoint of the latest position in a folder; undefined if there is none. Says which are damaged. Throws InputError if all are,
 * or if one that may be the latest cannot be read: training would replace it, and its content may be whole.
 */
export function newestIn(directory: string, say: (line: string) => void): OpenCheckpoint | undefined {
  const names = checkpointsIn(directory)
  const unreadable = new Map<string, UnreadableError>()
  let newest: OpenCheckpoint | undefined
  for (const name of names) {
    if (newest && !mayBeLater(name, newest.position)) continue
    try {
      const found = openCheckpoint(join(directory, name))
      if (!newest || isLater(found.position, newest.position)) newest = found
    } catch (error) {
      if (error instanceof UnreadableError) unreadable.set(name, error)
      else if (error instanceof InputError) say(`${error.message}; trying an earlier checkpoint`)
      else throw error
    }
  }
  const afresh = `without --resume, training starts afresh and keeps what is there in ${join(directory, EARLIER)}`
  if (unreadable.size > 0)
    throw new InputError(
      `${directory}: ${listed([...unreadable.keys()])} cannot be read and may be the newest checkpoint (${[...unreadable.values()][0]!.message}): make it readable, or resume from another one with --resume FILE; ${afresh}`,
    )
  if (!newest && names.length > 0)
    throw new InputError(`${directory}: no checkpoint there is intact (${listed(names)}), expected one; ${afresh}`)
  return newest
}

/** A name that states epochs is written after them, so it need not be opened. */
function mayBeLater(name: string, than: Position): boolean {
  const epoch = epochsIn(name)
  return epoch === undefined || isLater({ epoch, batch: 0 }, than)
}

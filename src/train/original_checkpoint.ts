import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import type { Config } from '../config/schema.ts'
import { type BestModel, noBestModel } from './early_stopping.ts'
import type { Progress } from './resume.ts'

/**
 * What a checkpoint of the original program lets us know of its training. Its weights, moments, scheduler and loss histories are taken as
 * they are; the rest is said to `say` in one line: the best model is the one of the lowest validation loss in its history (the original
 * validates every epoch), batches are counted as updates times their window, and orders and random numbers follow from our seed.
 */
export function progressOfOriginal(
  path: string,
  { epoch, optimizer, valLossHistory }: Checkpoint,
  config: Config,
  say: (line: string) => void,
): Progress {
  const best = config.checkpoint.monitor === 'total_loss' ? bestOf(epoch, valLossHistory) : noBestModel()
  const updates = Math.max(0, ...[...optimizer!.state.values()].map(({ step }) => step))
  const bestText = best.epoch === null ? 'none so far' : `epoch ${best.epoch + 1}, ${best.value!.toPrecision(4)}`
  say(
    `${path}: not written by sadaan-gpu: weights, moments, scheduler and loss histories are its own; best model ${bestText} (by its history); orders and random numbers from seed ${config.seed}`,
  )
  const batches = updates * config.training.gradient_accumulation_steps
  return { config, best, batches, skipped: 0, run: null }
}

/** The lowest of the validation losses of the last epochs, `epoch` being the last. */
function bestOf(epoch: number, losses: readonly number[]): BestModel {
  const lowest = Math.min(...losses.filter(Number.isFinite))
  if (!Number.isFinite(lowest)) return noBestModel()
  const validationsSince = losses.length - 1 - losses.indexOf(lowest)
  return { value: lowest, epoch: epoch - validationsSince, validationsSince }
}

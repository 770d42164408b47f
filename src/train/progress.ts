import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import type { Json } from '../config/json.ts'
import type { Config } from '../config/schema.ts'
import type { LossScale } from '../optim/loss_scale.ts'
import type { ScheduleState } from '../optim/schedule.ts'
import type { RecordedChoice } from '../tune/choice.ts'
import type { DataFingerprint } from './data_fingerprint.ts'
import type { BestModel } from './early_stopping.ts'
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

/** Progress as a checkpoint holds it. */
export function toRecord(progress: Progress): Record<string, Json> {
  return { ...progress } as unknown as Record<string, Json>
}

/** `epoch 3 batch 17`, or `after epoch 3`; counted from 1. */
export function placeText({ epoch, batch }: Position): string {
  return batch > 0 ? `epoch ${epoch + 1} batch ${batch}` : `after epoch ${epoch}`
}

/** What the host knows of where training stands: with a copy of the device's state it makes a checkpoint. */
export interface HostState extends Pick<Checkpoint, 'trainLossHistory' | 'valLossHistory'> {
  progress: Omit<Progress, 'skipped' | 'lossScale'> & { position: Position; schedule: ScheduleState }
}

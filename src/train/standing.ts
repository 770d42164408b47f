import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import type { Json } from '../config/json.ts'
import { type ScheduleSettings, type ScheduleState, schedulerRate, toTorchScheduler } from '../optim/schedule.ts'
import { type Position, type Progress, toRecord } from './resume.ts'
import type { Session } from './session.ts'
import { modelOf, optimizerOf } from './snapshot.ts'
import type { StateCopy } from './state_copy.ts'

/** What the host knows of where training stands: with a copy of the device's state it makes a checkpoint. */
export interface Standing extends Pick<Checkpoint, 'trainLossHistory' | 'valLossHistory'> {
  progress: Omit<Progress, 'skipped' | 'lossScale'> & { position: Position; schedule: ScheduleState }
}

/** The tensors are views into the copy. */
export function checkpointOf(
  { config, engine, dataset }: Session,
  settings: ScheduleSettings,
  copy: StateCopy,
  { progress, ...histories }: Standing,
  isBest: boolean,
): Checkpoint {
  const { state, optimizer } = engine
  const { position, schedule } = progress
  const { skipped, lossScale } = copy
  return {
    // the original has no points within an epoch: there it is the one under way
    epoch: position.batch > 0 ? position.epoch : position.epoch - 1,
    model: modelOf(state, copy),
    optimizer: optimizerOf(state, optimizer, copy, config, schedulerRate(settings, schedule)),
    scheduler: toTorchScheduler(settings, schedule) as Record<string, Json> | null,
    structureNames: dataset.structureNames,
    isBest,
    ...histories,
    sadaan: {
      ...toRecord({ ...progress, skipped, ...(lossScale && { lossScale }) }),
      ...(dataset.preparation && { preparation: dataset.preparation as unknown as Json }),
      patches: dataset.patches,
    },
  }
}

import type { Config } from '../config/schema.ts'
import { fromTorchScheduler, initialSchedule, type ScheduleSettings, type ScheduleState } from '../optim/schedule.ts'
import type { Windows } from '../optim/windows.ts'
import { type BestModel, noBestModel } from './early_stopping.ts'
import type { Position } from './progress.ts'
import type { ResumePoint } from './resume.ts'

/** The training state on the host. Plain data: with a copy of the device's state it makes a checkpoint. */
export interface HostState {
  /** where this run started or the last finished epoch ended */
  position: Position
  schedule: ScheduleState
  best: BestModel
  /** training batches since the start */
  batches: number
  /** updates skipped in a row because the gradient was not finite */
  skippedInARow: number
  /** total loss of each epoch */
  trainLossHistory: number[]
  valLossHistory: number[]
}

export function initialState(settings: ScheduleSettings): HostState {
  return {
    position: { epoch: 0, batch: 0 },
    schedule: initialSchedule(settings),
    best: noBestModel(),
    batches: 0,
    skippedInARow: 0,
    trainLossHistory: [],
    valLossHistory: [],
  }
}

export function resumedState({ checkpoint, progress, position }: ResumePoint, settings: ScheduleSettings): HostState {
  const { scheduler = null, trainLossHistory, valLossHistory } = checkpoint
  return {
    position,
    schedule: progress.schedule ?? fromTorchScheduler(settings, scheduler) ?? initialSchedule(settings),
    best: progress.best,
    batches: progress.batches,
    skippedInARow: progress.skippedInARow ?? 0,
    trainLossHistory: [...trainLossHistory],
    valLossHistory: [...valLossHistory],
  }
}

/** A copy for a checkpoint, with loss histories of the configured length. */
export function snapshotOf(state: HostState, { compat, training }: Config): HostState {
  // the original keeps 10, whatever is configured
  const kept = -(compat === 'reference' ? 10 : training.max_history_length)
  const { trainLossHistory, valLossHistory } = state
  return { ...state, trainLossHistory: trainLossHistory.slice(kept), valLossHistory: valLossHistory.slice(kept) }
}

export function scheduleSettings({ optimizer, training, compat }: Config, { perEpoch }: Windows): ScheduleSettings {
  return {
    scheduler: optimizer.lr_scheduler,
    compat,
    base: training.learning_rate,
    warmupEpochs: training.warmup_epochs,
    min: optimizer.lr_min,
    period: optimizer.lr_restart_period,
    factor: optimizer.lr_factor,
    patience: optimizer.lr_patience,
    epochs: training.num_epochs,
    updatesPerEpoch: perEpoch,
  }
}

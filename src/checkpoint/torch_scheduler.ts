import type { Json } from './fields.ts'

export interface CosineProgress {
  /** epochs of half a cosine: T_max */
  period: number
  minimum: number
  base: number
  /** epochs scheduled so far: last_epoch */
  epochs: number
  /** the rate in force */
  rate: number
}

/** state_dict() of torch.optim.lr_scheduler.CosineAnnealingLR, loadable in torch 1.13 and 2. */
export function cosineAnnealingDict(progress: CosineProgress): Record<string, Json> {
  return {
    T_max: progress.period,
    eta_min: progress.minimum,
    base_lrs: [progress.base],
    last_epoch: progress.epochs,
    _step_count: progress.epochs + 1,
    _get_lr_called_within_step: false,
    _last_lr: [progress.rate],
  }
}

export interface PlateauProgress {
  factor: number
  patience: number
  minimum: number
  /** lowest loss so far; Infinity before the first */
  best: number
  badEpochs: number
  epochs: number
  rate: number
}

/** state_dict() of torch's ReduceLROnPlateau in mode min with relative threshold 1e-4, loadable in torch 1.13 and 2. */
export function reduceOnPlateauDict(progress: PlateauProgress): Record<string, Json> {
  return {
    factor: progress.factor,
    default_min_lr: progress.minimum,
    min_lrs: [progress.minimum],
    patience: progress.patience,
    cooldown: 0,
    cooldown_counter: 0,
    mode: 'min',
    threshold: 1e-4,
    threshold_mode: 'rel',
    best: progress.best,
    num_bad_epochs: progress.badEpochs,
    mode_worse: Number.POSITIVE_INFINITY,
    eps: 1e-8,
    last_epoch: progress.epochs,
    _last_lr: [progress.rate],
  }
}

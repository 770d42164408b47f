/** The validation metric that determines the best model: lowest total loss or highest hard Dice. */
export type Monitor = 'total_loss' | 'hard_dice'

/** The best validation so far. Plain data, stored in checkpoints as is. */
export interface BestModel {
  /** the monitored metric; null before the first finite value */
  value: number | null
  /** its epoch, from 0; null before the first */
  epoch: number | null
  /** validations since then */
  validationsSince: number
}

export function noBestModel(): BestModel {
  return { value: null, epoch: null, validationsSince: 0 }
}

/** The best model after the validation of `epoch`. The result has this epoch exactly if it is the best. NaN and infinity never are. */
export function afterValidation(monitor: Monitor, best: BestModel, epoch: number, value: number): BestModel {
  if (Number.isFinite(value) && (best.value === null || isBetter(monitor, value, best.value))) {
    return { value, epoch, validationsSince: 0 }
  }
  return { ...best, validationsSince: best.validationsSince + 1 }
}

/** Whether the last `patience` validations brought no improvement. */
export function shouldStop(best: BestModel, patience: number): boolean {
  return best.validationsSince >= patience
}

function isBetter(monitor: Monitor, value: number, best: number): boolean {
  return monitor === 'total_loss' ? value < best : value > best
}

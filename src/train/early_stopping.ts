/** The validation figure that decides which model is best: the lowest total loss, or the highest hard Dice. */
export type Monitor = 'total_loss' | 'hard_dice'

/** The best validation so far. Plain data: it goes into checkpoints as it is. */
export interface BestModel {
  /** The monitored figure of the best validation; null before the first finite one. */
  value: number | null
  /** Its epoch, from 0; null before the first. */
  epoch: number | null
  /** Validations since then. */
  validationsSince: number
}

export function noBestModel(): BestModel {
  return { value: null, epoch: null, validationsSince: 0 }
}

/** The best model after the validation of `epoch`. It is this one exactly if the result's epoch is `epoch`. NaN and infinity are never best. */
export function afterValidation(monitor: Monitor, best: BestModel, epoch: number, value: number): BestModel {
  if (Number.isFinite(value) && (best.value === null || isBetter(monitor, value, best.value))) {
    return { value, epoch, validationsSince: 0 }
  }
  return { ...best, validationsSince: best.validationsSince + 1 }
}

/** Whether `patience` validations in a row were not better than the best. */
export function shouldStop(best: BestModel, patience: number): boolean {
  return best.validationsSince >= patience
}

function isBetter(monitor: Monitor, value: number, best: number): boolean {
  return monitor === 'total_loss' ? value < best : value > best
}

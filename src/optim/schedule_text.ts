import { type ScheduleSettings, warmupUpdates } from './schedule.ts'

/** A schedule in one line: `832 updates, rate 0.003 after a warm-up of 26 updates, then a cosine to 0.000001 at the last update`. */
export function scheduleText(settings: ScheduleSettings): string {
  const { base, epochs, updatesPerEpoch } = settings
  return `${epochs * updatesPerEpoch} updates, rate ${base}${warmupText(settings)}, ${courseText(settings)}`
}

function warmupText(settings: ScheduleSettings): string {
  const { warmupEpochs } = settings
  const [count, unit] = Number.isInteger(warmupEpochs) ? [warmupEpochs, 'epoch'] : [warmupUpdates(settings), 'update']
  return count === 0 ? '' : ` after a warm-up of ${count} ${unit}${count === 1 ? '' : 's'}`
}

function courseText({ scheduler, compat, min, period, factor, patience }: ScheduleSettings): string {
  switch (scheduler) {
    case 'none':
      return 'then constant'
    case 'cosine_over_run':
      return `then a cosine to ${min} at the last update`
    case 'cosine_annealing':
      return compat === 'reference'
        ? 'then a cosine of the validation loss (compat=reference)'
        : `on a cosine that is at its lowest, ${min}, in epoch ${period + 1}`
    case 'reduce_on_plateau':
      return `then × ${factor} after more than ${patience} validations without a lower loss, to ${min}`
  }
}

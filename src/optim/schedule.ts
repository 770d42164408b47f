/** Settings of the learning rate. Rates are per update, epochs count from 0. */
export interface ScheduleSettings {
  scheduler: 'cosine_annealing' | 'cosine_over_run' | 'reduce_on_plateau' | 'none'
  /** `reference` reproduces the original, which passes the validation loss to the cosine instead of the epoch. */
  compat: 'documented' | 'reference'
  /** Rate after warm-up. */
  base: number
  /** Epochs of linear warm-up: a whole number rises from epoch to epoch, any other from update to update. */
  warmupEpochs: number
  /** Lowest rate of either scheduler. */
  min: number
  /** cosine_annealing: epochs from the highest rate to the lowest. */
  period: number
  /** reduce_on_plateau: factor on the rate. */
  factor: number
  /** reduce_on_plateau: validations without improvement that are tolerated. */
  patience: number
  /** Epochs of the run. */
  epochs: number
  updatesPerEpoch: number
}

/** Which update of a run, from 0, and in which epoch. */
export interface UpdateNumber {
  epoch: number
  update: number
}

/** The state of a schedule between two epochs: plain data, stored in checkpoints as is. */
export type ScheduleState =
  | { scheduler: 'none' }
  /** Its rate follows from the number of the update. */
  | { scheduler: 'cosine_over_run' }
  /** `position` is the next epoch (reference: the last validation loss), T_cur of the cosine. */
  | { scheduler: 'cosine_annealing'; position: number }
  /** `validations` counts those since the end of warm-up; `best` is the lowest loss among them. */
  | { scheduler: 'reduce_on_plateau'; rate: number; best: number; badValidations: number; validations: number }

// torch's ReduceLROnPlateau defaults, which the original keeps.
const PLATEAU_THRESHOLD = 1e-4 // relative
const PLATEAU_EPS = 1e-8 // smaller changes of the rate are ignored

export function initialSchedule(settings: ScheduleSettings): ScheduleState {
  switch (settings.scheduler) {
    case 'none':
    case 'cosine_over_run':
      return { scheduler: settings.scheduler }
    case 'cosine_annealing':
      return { scheduler: 'cosine_annealing', position: 0 }
    case 'reduce_on_plateau':
      return {
        scheduler: 'reduce_on_plateau',
        rate: settings.base,
        best: Number.POSITIVE_INFINITY,
        badValidations: 0,
        validations: 0,
      }
  }
}

/** Learning rate of an update: base·(n+1)/warmup for epoch or update n of the warm-up, then the scheduler's. */
export function learningRate(settings: ScheduleSettings, state: ScheduleState, at: UpdateNumber): number {
  const { base, warmupEpochs } = settings
  const [done, warmup] = Number.isInteger(warmupEpochs)
    ? [at.epoch, warmupEpochs]
    : [at.update, warmupUpdates(settings)]
  return done < warmup ? (base * (done + 1)) / warmup : schedulerRate(settings, state, at.update)
}

/** Updates of the warm-up; a part of one counts if it is at least half. */
export function warmupUpdates({ warmupEpochs, updatesPerEpoch }: ScheduleSettings): number {
  return Math.round(warmupEpochs * updatesPerEpoch)
}

/** The scheduler's rate for an update, which warm-up overrides: torch's `lr` after `scheduler.step()`. */
export function schedulerRate(settings: ScheduleSettings, state: ScheduleState, update: number): number {
  if (state.scheduler === 'none') return settings.base
  if (state.scheduler === 'reduce_on_plateau') return state.rate
  return cosineRate(settings, cosineOf(settings, state, update))
}

/** Where on a cosine, and how long it is from the highest rate to the lowest: in epochs or, over a run, in updates. */
interface Cosine {
  position: number
  period: number
}

/** Over a run, the cosine starts with the first update after warm-up and ends with the last update. */
function cosineOf(
  settings: ScheduleSettings,
  state: Extract<ScheduleState, { scheduler: `cosine_${string}` }>,
  update: number,
): Cosine {
  if (state.scheduler === 'cosine_annealing') return { position: state.position, period: settings.period }
  const warmup = warmupUpdates(settings)
  const period = Math.max(1, settings.epochs * settings.updatesPerEpoch - 1 - warmup)
  return { position: Math.min(Math.max(update - warmup, 0), period), period }
}

/** lr(t) = min + (base − min)·(1 + cos(π·t/T))/2 (torch's CosineAnnealingLR in closed form: beyond T it rises again). */
function cosineRate({ base, min }: ScheduleSettings, { position, period }: Cosine): number {
  return min + ((base - min) * (1 + Math.cos((Math.PI * position) / period))) / 2
}

/**
 * The state after `epoch`; called once per epoch. `validationLoss` is the epoch's total validation loss, undefined without
 * validation.
 */
export function afterEpoch(
  settings: ScheduleSettings,
  state: ScheduleState,
  epoch: number,
  validationLoss: number | undefined,
): ScheduleState {
  if (state.scheduler === 'none' || state.scheduler === 'cosine_over_run') return state
  if (state.scheduler === 'cosine_annealing') {
    if (settings.compat === 'documented') return { ...state, position: epoch + 1 }
    return validationLoss === undefined || Number.isNaN(validationLoss) ? state : { ...state, position: validationLoss }
  }
  const counts = validationLoss !== undefined && epoch >= settings.warmupEpochs
  return counts ? afterPlateauValidation(settings, state, validationLoss) : state
}

type Plateau = Extract<ScheduleState, { scheduler: 'reduce_on_plateau' }>

/** One step of torch's ReduceLROnPlateau: mode `min`, relative threshold, no cooldown. A NaN loss counts as no improvement. */
function afterPlateauValidation(settings: ScheduleSettings, state: Plateau, loss: number): Plateau {
  const validations = state.validations + 1
  if (loss < state.best * (1 - PLATEAU_THRESHOLD)) return { ...state, best: loss, badValidations: 0, validations }
  const badValidations = state.badValidations + 1
  if (badValidations <= settings.patience) return { ...state, badValidations, validations }
  const reduced = Math.max(state.rate * settings.factor, settings.min)
  const rate = state.rate - reduced > PLATEAU_EPS ? reduced : state.rate
  return { ...state, rate, badValidations: 0, validations }
}

/** A scheduler's state_dict: plain values and lists. */
export type TorchSchedulerState = Record<string, number | boolean | string | number[]>

/**
 * The state, after so many updates, as the state_dict of torch's CosineAnnealingLR (which over a run is stepped after each update) or
 * ReduceLROnPlateau, with one parameter group; null for `none`.
 */
export function toTorchScheduler(
  settings: ScheduleSettings,
  state: ScheduleState,
  updates: number,
): TorchSchedulerState | null {
  if (state.scheduler === 'none') return null
  if (state.scheduler !== 'reduce_on_plateau') {
    const { position, period } = cosineOf(settings, state, updates)
    return {
      T_max: period,
      eta_min: settings.min,
      base_lrs: [settings.base],
      last_epoch: position,
      verbose: false,
      _step_count: Math.ceil(position) + 1,
      _get_lr_called_within_step: false,
      _last_lr: [cosineRate(settings, { position, period })],
    }
  }
  return {
    factor: settings.factor,
    min_lrs: [settings.min],
    patience: settings.patience,
    verbose: false,
    cooldown: 0,
    cooldown_counter: 0,
    mode: 'min',
    threshold: PLATEAU_THRESHOLD,
    threshold_mode: 'rel',
    best: state.best,
    num_bad_epochs: state.badValidations,
    mode_worse: Number.POSITIVE_INFINITY,
    eps: PLATEAU_EPS,
    last_epoch: state.validations,
    _last_lr: [state.rate],
  }
}

/**
 * The state in a state_dict written by torch or toTorchScheduler. Settings take precedence over their copies in the dict.
 * Undefined if the dict belongs to another scheduler or lacks a value.
 */
export function fromTorchScheduler(
  settings: ScheduleSettings,
  dict: Readonly<Record<string, unknown>> | null,
): ScheduleState | undefined {
  if (settings.scheduler === 'none') return dict === null ? { scheduler: 'none' } : undefined
  if (dict === null) return undefined
  const { last_epoch: position, best, num_bad_epochs: badValidations, _last_lr: rates } = dict
  if (typeof position !== 'number' || !Number.isFinite(position)) return undefined
  if (settings.scheduler !== 'reduce_on_plateau') {
    if (!('T_max' in dict)) return undefined
    return settings.scheduler === 'cosine_over_run'
      ? { scheduler: 'cosine_over_run' }
      : { scheduler: 'cosine_annealing', position }
  }
  // Before its first step torch's ReduceLROnPlateau has no _last_lr.
  const rate: unknown = Array.isArray(rates) ? rates[0] : settings.base
  if (typeof best !== 'number' || typeof badValidations !== 'number' || typeof rate !== 'number') return undefined
  return { scheduler: 'reduce_on_plateau', rate, best, badValidations, validations: position }
}

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  afterEpoch,
  fromTorchScheduler,
  initialSchedule,
  learningRate,
  type ScheduleSettings,
  type ScheduleState,
  schedulerRate,
  toTorchScheduler,
} from '../../src/optim/schedule.ts'
import { scheduleText } from '../../src/optim/schedule_text.ts'
import { afterValidation, type BestModel, noBestModel, shouldStop } from '../../src/train/early_stopping.ts'

interface TorchRun {
  base: number
  min: number
  period?: number
  factor?: number
  patience?: number
  /** Loss given to each step; null is NaN. */
  losses?: (number | null)[]
  /** Rate before each step. */
  rates: number[]
  /** state_dict after the last step (an infinite mode_worse left out: JSON has none). */
  state: Record<string, unknown>
}

/** Rates and state_dicts that torch 1.13 computed. */
const torch = JSON.parse(readFileSync(new URL('./fixtures/schedules.json', import.meta.url), 'utf8')) as {
  cosine: TorchRun[]
  reference: TorchRun
  plateau: TorchRun[]
}

function settingsOf(scheduler: ScheduleSettings['scheduler'], run: Partial<TorchRun> = {}): ScheduleSettings {
  const { base = 5e-4, min = 1e-6, period = 20, factor = 0.5, patience = 10 } = run
  const rates = { base, min, period, factor, patience }
  return { scheduler, compat: 'documented', ...rates, warmupEpochs: 0, epochs: 40, updatesPerEpoch: 1 }
}

/** The rate of every update of a run. */
function ratesOf(settings: ScheduleSettings): number[] {
  const { epochs, updatesPerEpoch } = settings
  const state = initialSchedule(settings)
  return Array.from({ length: epochs * updatesPerEpoch }, (_, update) =>
    learningRate(settings, state, { epoch: Math.floor(update / updatesPerEpoch), update }),
  )
}

/** The rate of each epoch and the state at the end. */
function play(settings: ScheduleSettings, losses: readonly (number | undefined)[]) {
  let state = initialSchedule(settings)
  const rates = losses.map((loss, epoch) => {
    const rate = learningRate(settings, state, { epoch, update: epoch })
    state = afterEpoch(settings, state, epoch, loss)
    return rate
  })
  return { rates, state }
}

function expectClose(found: readonly number[], expected: readonly number[], relative = 1e-11) {
  expect(found.length).toBe(expected.length)
  for (const [i, value] of found.entries()) {
    const difference = value === expected[i] ? 0 : Math.abs(value - expected[i]!)
    expect(difference, `${i}`).toBeLessThanOrEqual(relative * Math.max(...expected))
  }
}

/** The same keys as torch's state_dict, and values that agree to rounding. */
function expectSameState(found: Record<string, unknown>, torchState: Record<string, unknown>) {
  expect(Object.keys(found).sort()).toStrictEqual(Object.keys(torchState).sort())
  for (const [key, expected] of Object.entries(torchState)) {
    const isNumeric = typeof expected === 'number' || Array.isArray(expected)
    if (isNumeric) expectClose([found[key]].flat() as number[], [expected].flat() as number[])
    else expect(found[key], key).toBe(expected)
  }
}

describe('cosine_annealing', () => {
  test.each(torch.cosine)('equals torch: period $period, base $base', run => {
    const settings = settingsOf('cosine_annealing', run)
    const { rates, state } = play(
      settings,
      run.rates.map(() => undefined),
    )
    expectClose(rates, run.rates)
    expectSameState(toTorchScheduler(settings, state, 0)!, run.state)
    expect(fromTorchScheduler(settings, run.state)).toStrictEqual(state)
  })

  test('compat reference: the validation loss stands where the epoch belongs', () => {
    const run = torch.reference
    const settings: ScheduleSettings = { ...settingsOf('cosine_annealing', run), compat: 'reference' }
    const losses = run.losses as number[]
    const { rates, state } = play(settings, losses)
    expectClose(rates, run.rates)
    expect(toTorchScheduler(settings, state, 0)).toMatchObject({ last_epoch: losses.at(-1), T_max: 20 })
    expectClose([schedulerRate(settings, state, 0)], run.state._last_lr as number[])
    expect(afterEpoch(settings, state, 7, undefined)).toStrictEqual(state)
    expect(afterEpoch(settings, state, 7, Number.NaN)).toStrictEqual(state)
  })

  test('warm-up rules first and does not shift the cosine', () => {
    const settings = { ...settingsOf('cosine_annealing'), warmupEpochs: 5 }
    const { rates } = play(settings, Array(30).fill(undefined))
    expectClose(rates.slice(0, 5), [1e-4, 2e-4, 3e-4, 4e-4, 5e-4])
    expectClose(rates.slice(5), torch.cosine[0]!.rates.slice(5, 30))
  })
})

describe('cosine_over_run', () => {
  const settings: ScheduleSettings = { ...settingsOf('cosine_over_run'), epochs: 7, updatesPerEpoch: 3 }

  test.each(torch.cosine)('stepped at every update, equals torch: period $period, base $base', run => {
    const { period, rates } = { period: 20, ...run }
    const whole = { ...settingsOf('cosine_over_run', run), epochs: period + 1 }
    expectClose(ratesOf(whole), rates.slice(0, period + 1))
    // the same run in epochs of several updates: the number of an update decides
    const grouped = { ...whole, epochs: (period + 1) / 3, updatesPerEpoch: 3 }
    expectClose(ratesOf(grouped), rates.slice(0, period + 1))
  })

  test('starts at the base, falls at every update and is lr_min at the last', () => {
    const rates = ratesOf(settings)
    expect(rates).toHaveLength(21)
    expect([rates[0], rates.at(-1)]).toStrictEqual([5e-4, 1e-6])
    for (const [i, rate] of rates.slice(1).entries()) expect(rate).toBeLessThan(rates[i]!)
    expect(ratesOf({ ...settings, min: 0 }).at(-1)).toBe(0)
  })

  test('starts behind the warm-up, whether that ends with an epoch or within one', () => {
    for (const [warmupEpochs, updates] of [
      [2, 6],
      [1.5, 5],
    ] as const) {
      const rates = ratesOf({ ...settings, warmupEpochs })
      expect(rates[updates - 1]).toBe(5e-4)
      const cosine = ratesOf({ ...settings, epochs: 21 - updates, updatesPerEpoch: 1 })
      expect(rates.slice(updates)).toStrictEqual(cosine)
    }
  })

  test('a run of one update, and one that ends in warm-up', () => {
    expect(ratesOf({ ...settings, epochs: 1, updatesPerEpoch: 1 })).toStrictEqual([5e-4])
    expectClose(ratesOf({ ...settings, epochs: 2, updatesPerEpoch: 2, warmupEpochs: 2.5 }), [1e-4, 2e-4, 3e-4, 4e-4])
  })

  test("its state_dict is that of torch's cosine after so many updates, and is taken back", () => {
    const state = initialSchedule(settings)
    const dict = (updates: number) => toTorchScheduler({ ...settings, warmupEpochs: 1 }, state, updates)!
    expect(dict(2)).toMatchObject({ T_max: 17, last_epoch: 0, _step_count: 1, _last_lr: [5e-4] })
    expect(dict(10)).toMatchObject({ T_max: 17, last_epoch: 7, _step_count: 8, eta_min: 1e-6 })
    expect(dict(21)).toMatchObject({ T_max: 17, last_epoch: 17, _last_lr: [1e-6] })
    expect(Object.keys(dict(0)).sort()).toStrictEqual(Object.keys(torch.cosine[0]!.state).sort())
    expect(fromTorchScheduler(settings, dict(10))).toStrictEqual(state)
    expect(afterEpoch(settings, state, 3, 1)).toStrictEqual(state)
  })
})

describe('warm-up', () => {
  test.each(['none', 'cosine_annealing', 'reduce_on_plateau'] as const)('by updates: %s', scheduler => {
    const settings = { ...settingsOf(scheduler, { base: 1 }), epochs: 2, updatesPerEpoch: 4, warmupEpochs: 0.75 }
    expectClose(ratesOf(settings).slice(0, 4), [1 / 3, 2 / 3, 1, 1])
  })

  test('a whole number of epochs rises from epoch to epoch', () => {
    const settings = { ...settingsOf('none', { base: 1 }), epochs: 3, updatesPerEpoch: 2, warmupEpochs: 2 }
    expect(ratesOf(settings)).toStrictEqual([0.5, 0.5, 1, 1, 1, 1])
  })
})

test.each<[Partial<ScheduleSettings>, string]>([
  [
    { warmupEpochs: 1 },
    '80 updates, rate 0.0005 after a warm-up of 1 epoch, on a cosine that is at its lowest, 0.000001, in epoch 21',
  ],
  [{ compat: 'reference' }, '80 updates, rate 0.0005, then a cosine of the validation loss (compat=reference)'],
  [
    { scheduler: 'cosine_over_run', warmupEpochs: 1.5 },
    '80 updates, rate 0.0005 after a warm-up of 3 updates, then a cosine to 0.000001 at the last update',
  ],
  [
    { scheduler: 'reduce_on_plateau', warmupEpochs: 3 },
    '80 updates, rate 0.0005 after a warm-up of 3 epochs, then × 0.5 after more than 10 validations without a lower loss, to 0.000001',
  ],
  [{ scheduler: 'none' }, '80 updates, rate 0.0005, then constant'],
])('in words: %o', (changes, text) => {
  expect(scheduleText({ ...settingsOf('cosine_annealing'), updatesPerEpoch: 2, ...changes })).toBe(text)
})

describe('reduce_on_plateau', () => {
  test.each(torch.plateau)('equals torch: patience $patience, factor $factor', run => {
    const settings = settingsOf('reduce_on_plateau', run)
    const { rates, state } = play(
      settings,
      run.losses!.map(loss => loss ?? Number.NaN),
    )
    expectClose(rates, run.rates)
    expectSameState(toTorchScheduler(settings, state, 0)!, { ...run.state, mode_worse: Number.POSITIVE_INFINITY })
    expect(fromTorchScheduler(settings, run.state)).toStrictEqual(state)
  })

  test('counts from the end of warm-up, and validated epochs only', () => {
    const settings = { ...settingsOf('reduce_on_plateau', { base: 1, patience: 1 }), warmupEpochs: 4 }
    const { rates, state } = play(settings, [1, 1, 1, 1, 1, undefined, 1, undefined, 1, 1])
    expect(rates).toStrictEqual([0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 0.5])
    expect(state).toMatchObject({ validations: 4, badValidations: 1, rate: 0.5 })
  })

  test('a state split and continued is the state played through', () => {
    const run = torch.plateau[0]!
    const settings = settingsOf('reduce_on_plateau', run)
    const losses = run.losses!.map(loss => loss ?? Number.NaN)
    let state: ScheduleState = play(settings, losses.slice(0, 17)).state
    state = fromTorchScheduler(settings, toTorchScheduler(settings, state, 0))!
    for (const [i, loss] of losses.slice(17).entries()) state = afterEpoch(settings, state, 17 + i, loss)
    expect(state).toStrictEqual(play(settings, losses).state)
  })
})

describe('other states', () => {
  test('none: constant after warm-up, no state_dict', () => {
    const settings = { ...settingsOf('none', { base: 1 }), warmupEpochs: 2 }
    const { rates, state } = play(settings, [9, 9, 9, 9])
    expect(rates).toStrictEqual([0.5, 1, 1, 1])
    expect(toTorchScheduler(settings, state, 0)).toBeNull()
    expect(fromTorchScheduler(settings, null)).toStrictEqual(state)
  })

  test("another scheduler's or a damaged state_dict is not taken", () => {
    const [cosine, plateau] = [torch.cosine[0]!.state, torch.plateau[0]!.state]
    expect(fromTorchScheduler(settingsOf('cosine_annealing'), plateau)).toBeUndefined()
    expect(fromTorchScheduler(settingsOf('cosine_annealing'), null)).toBeUndefined()
    expect(fromTorchScheduler(settingsOf('cosine_annealing'), { ...cosine, last_epoch: '3' })).toBeUndefined()
    expect(fromTorchScheduler(settingsOf('reduce_on_plateau'), cosine)).toBeUndefined()
    expect(fromTorchScheduler(settingsOf('reduce_on_plateau'), { ...plateau, _last_lr: ['a'] })).toBeUndefined()
    expect(fromTorchScheduler(settingsOf('none'), cosine)).toBeUndefined()
  })
})

describe('early stopping', () => {
  function validate(monitor: 'total_loss' | 'hard_dice', values: readonly number[]): BestModel[] {
    let best = noBestModel()
    return values.map((value, epoch) => {
      best = afterValidation(monitor, best, epoch, value)
      return best
    })
  }

  test('the lowest loss is best, an equal one is not better', () => {
    const states = validate('total_loss', [3, 2, 2, 2.5, 1])
    expect(states.map(state => state.epoch)).toStrictEqual([0, 1, 1, 1, 4])
    expect(states.map(state => state.validationsSince)).toStrictEqual([0, 0, 1, 2, 0])
  })

  test('the highest hard Dice is best', () => {
    expect(validate('hard_dice', [0.1, 0.5, 0.4]).at(-1)).toStrictEqual({ value: 0.5, epoch: 1, validationsSince: 1 })
  })

  test('stops after exactly that many validations without a better one', () => {
    const states = validate('total_loss', [1, 2, 0.5, 2, 2, 2])
    expect(states.map(state => shouldStop(state, 3))).toStrictEqual([false, false, false, false, false, true])
  })

  test('NaN and infinity are never best', () => {
    const states = validate('total_loss', [Number.NaN, -Infinity, 5, Number.NaN])
    expect(states[1]).toStrictEqual({ value: null, epoch: null, validationsSince: 2 })
    expect(states[3]).toStrictEqual({ value: 5, epoch: 2, validationsSince: 1 })
    expect(validate('hard_dice', [Number.POSITIVE_INFINITY, 0.2])[1]!.value).toBe(0.2)
  })
})

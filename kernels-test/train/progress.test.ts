import { expect, test } from 'vitest'
import { defaultConfig } from '../../src/config/schema.ts'
import { readProgress, readProgressSummary, toRecord } from '../../src/train/progress.ts'
import { InputError } from '../../src/util/error.ts'

const means = [[1.5, 2]] as [number, number][]
const tally = { terms: means, accuracy: [1, 1], soft: [0, 0], accuracyOf: means, softOf: means, hardOf: means }
/** As the first version wrote it. */
const oldest = {
  config: defaultConfig(),
  schedule: { scheduler: 'cosine_annealing', position: 3 },
  best: { value: 0.5, epoch: 2, validationsSince: 0 },
  batches: 7,
  skipped: 1,
  run: null,
}
const newest = {
  ...oldest,
  position: { epoch: 3, batch: 2, tally },
  skippedInARow: 1,
  lossScale: { exponent: 16, updates: 5 },
  run: 4,
  variants: { adapter: 'a card', variants: { call: 'direct' } },
  data: { structures: ['liver'], image_size: [32, 32, 16], channels: 1, train: '5 samples', val: '2 samples' },
}

test('progress of the oldest and of the newest version is read as it was written', () => {
  for (const written of [oldest, newest]) expect(toRecord(readProgress(written, 'last.pth'))).toEqual(written)
  const { schedule: _schedule, ...original } = oldest
  expect(readProgress(original, 'last.pth')).toEqual(original)
})

test('losses that were infinite or not a number are read', () => {
  const endless = [[Number.NaN, 2]]
  const schedule = { scheduler: 'reduce_on_plateau', rate: 1e-3, best: Number.POSITIVE_INFINITY, badValidations: 0 }
  const position = { epoch: 0, batch: 1, tally: { ...tally, terms: endless } }
  const written = { ...newest, position, schedule: { ...schedule, validations: 0 } }
  expect(readProgress(written, 'last.pth')).toEqual(written)
})

test.each([
  ['not a dict', [], 'sadaan_gpu cannot be read: expected object, received array'],
  [
    'a missing key',
    { ...newest, best: undefined },
    'sadaan_gpu.best cannot be read: expected object, received undefined',
  ],
  [
    'a negative count',
    { ...newest, position: { epoch: 3, batch: -2 } },
    'sadaan_gpu.position.batch cannot be read: too small: expected number to be >=0',
  ],
  [
    'a text for a number',
    { ...newest, position: { epoch: 3, batch: 2, tally: { ...tally, soft: ['0', 0] } } },
    'sadaan_gpu.position.tally.soft.0 cannot be read: expected a number',
  ],
  [
    'an unknown scheduler',
    { ...newest, schedule: { scheduler: 'steps' } },
    "sadaan_gpu.schedule.scheduler cannot be read: expected 'none' | 'cosine_over_run' | 'cosine_annealing' | 'reduce_on_plateau'",
  ],
  [
    'a configuration of another version',
    { ...newest, config: { ...defaultConfig(), colour: 'red' } },
    'sadaan_gpu.config cannot be read: unrecognized key: "colour"',
  ],
])('%s: one line with file, key and what was expected', (_, damaged, expected) => {
  const failure = caught(() => readProgress(damaged, 'last.pth'))
  expect(failure).toBeInstanceOf(InputError)
  expect(failure.message).toBe(`last.pth: ${expected}`)
  expect(failure.message).not.toContain('\n')
})

test('the summary takes what is there, and refuses what is damaged', () => {
  expect(readProgressSummary({ preparation: {} }, 'last.pth')).toEqual({})
  const { position, run, data } = newest
  expect(readProgressSummary({ ...newest, config: 'unreadable' }, 'last.pth')).toEqual({ position, run, data })
  expect(() => readProgressSummary({ run: 'one' }, 'last.pth')).toThrow('last.pth: sadaan_gpu.run cannot be read: ')
})

function caught(body: () => unknown): Error {
  try {
    body()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

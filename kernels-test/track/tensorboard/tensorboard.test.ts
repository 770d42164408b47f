import { appendFileSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defaultConfig } from '../../../src/config/schema.ts'
import { makeTensorBoardFolder, TensorBoard, tagOf } from '../../../src/track/tensorboard/tensorboard.ts'
import { sacredTime } from '../../../src/track/time.ts'
import { crc32c } from '../../../src/util/crc32c.ts'
import { InputError } from '../../../src/util/error.ts'
import { temporaryDirectory } from '../../data/small_dataset.ts'
import { seenIn } from './reader.ts'

/** A PNG of one pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const root = temporaryDirectory()

function board(name: string, id: number | null = 7, warnings: string[] = []): TensorBoard {
  makeTensorBoardFolder(join(root, name))
  return new TensorBoard({
    base: join(root, name),
    id,
    config: defaultConfig(),
    warn: line => {
      warnings.push(line)
    },
  })
}

const fileOf = ({ place }: TensorBoard): string => join(place, readdirSync(place)[0]!)
const point = (name: string, value: number, step: number, time = 1_700_000_000_500 + step) => ({
  name,
  value,
  step,
  time,
})

test('CRC-32C as RFC 3720 gives it', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
})

test('tags are grouped by a slash; the name of a structure stays whole', () => {
  expect(['train.batch.total', 'train.learning_rate', 'val.dice.a.b/c', 'plain'].map(tagOf)).toEqual([
    'train.batch/total',
    'train/learning_rate',
    'val.dice/a.b/c',
    'plain',
  ])
})

test('TensorBoard reads scalars with steps and times, images byte for byte, the configuration, and the points of an earlier run', async context => {
  const run = board('read')
  const time = 1_600_000_000_250
  run.adopt(new Map([['val.epoch.total_loss', { steps: [0], timestamps: [sacredTime(time)], values: [null] }]]))
  run.log(point('val.epoch.total_loss', 0.25, 1))
  run.log(point('val.epoch.total_loss', Number.POSITIVE_INFINITY, 2))
  for (let step = 0; step < 1000; step++) run.log(point('train.batch.dice', step / 8, step))
  run.log(point('val.dice.Größe', 0.5, 2 ** 40))
  run.keep({ name: 'predictions_sample_1.png', bytes: PIXEL, step: 3 })
  run.keep({ name: 'predictions_sample_1.png', bytes: PIXEL, step: 200 })
  run.keep({ name: 'training_curves.svg', bytes: Buffer.from('<svg/>') })
  run.keep({ name: 'best_model.pth', path: '/nowhere' })
  await run.finish()

  const seen = seenIn(run.place, context)
  expect(seen.version).toBe(2)
  expect(seen.records).toBe(1 + 1 + 3 + 1000 + 1 + 2)
  expect(seen.scalars['val.epoch/total_loss']).toEqual([
    [0, time / 1000, 'nan'],
    [1, 1_700_000_000.501, 0.25],
    [2, 1_700_000_000.502, 'inf'],
  ])
  expect(seen.scalars['train.batch/dice']).toHaveLength(1000)
  expect(seen.scalars['train.batch/dice']![999]).toEqual([999, 1_700_000_001.499, 999 / 8])
  expect(seen.scalars['val.dice/Größe']).toEqual([[2 ** 40, expect.any(Number), 0.5]])
  const image = PIXEL.toString('base64')
  expect(seen.images).toEqual({
    predictions_sample_1: [
      [3, 1, 1, image],
      [200, 1, 1, image],
    ],
  })
  expect(seen.texts.configuration).toContain('"learning_rate": 0.0005')
})

test('events before a heartbeat survive a run that never ends, and a truncated record hides nothing before it', context => {
  const run = board('killed')
  run.log(point('train.epoch.total_loss', 2, 0))
  run.beat()
  const whole = readFileSync(fileOf(run)).length
  run.log(point('train.epoch.total_loss', 1, 1))
  run.beat()
  const file = fileOf(run)
  expect(readFileSync(file).length).toBeGreaterThan(whole)
  truncateSync(file, readFileSync(file).length - 5)
  expect(seenIn(run.place, context).scalars['train.epoch/total_loss']).toEqual([[0, expect.any(Number), 2]])
})

test('the reader notices a flipped byte: the CRCs are those it expects', context => {
  const run = board('flipped')
  run.log(point('train.epoch.total_loss', 2, 0))
  run.beat()
  const bytes = readFileSync(fileOf(run))
  bytes[bytes.length - 10]! ^= 1
  writeFileSync(fileOf(run), bytes)
  expect(seenIn(run.place, context).scalars).toEqual({})
})

test('each run has one file in its own folder, with the name that TensorBoard expects', () => {
  const [first, second, unnumbered] = [board('names'), board('names'), board('names', null)]
  expect(first.place).toBe(join(root, 'names', '7'))
  expect(second.place).toBe(join(root, 'names', '7-2'))
  expect(unnumbered.place).toMatch(/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z$/)
  expect(readdirSync(first.place)).toEqual([expect.stringMatching(/^events\.out\.tfevents\.\d{10}\.[\w.-]+$/)])
})

test('a base that is a file is wrong input; a folder that disappears causes one warning and ends only this record', async () => {
  const base = join(root, 'file')
  appendFileSync(base, '')
  expect(() => board('file')).toThrow(InputError)
  const warnings: string[] = []
  const run = board('gone', 1, warnings)
  rmSync(run.place, { recursive: true })
  for (const step of [0, 1]) {
    run.log(point('train.epoch.total_loss', 2, step))
    run.beat()
  }
  await run.finish()
  expect(warnings).toEqual([
    expect.stringMatching(/^cannot write .*: no such file or directory; no more TensorBoard events/),
  ])
})

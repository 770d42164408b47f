import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Metrics, readMetrics, type Series, selectPoints } from '../../src/track/metrics.ts'
import { RunFiles } from '../../src/track/run_files.ts'

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/
let directory = ''
let warnings: string[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'metrics-'))
  warnings = []
})
afterEach(() => rmSync(directory, { recursive: true }))

const metricsOf = (path = directory) => new Metrics(new RunFiles(path, line => warnings.push(line)))
const journals = () =>
  readdirSync(join(directory, '.partial')).flatMap(name =>
    name.endsWith('l') ? [join(directory, '.partial', name)] : [],
  )
const textOf = (path = directory) => readFileSync(join(path, 'metrics.json'), 'utf8')

test('the file exists from the start and equals the sorted output of JSON.stringify', async () => {
  const metrics = metricsOf()
  expect(textOf()).toBe('{}')
  metrics.log('val.dice.liver', 0.5, 3, Date.now())
  metrics.log('train.batch.total', 1e-9, 0, Date.now())
  metrics.log('train.batch.total', 2, 1, Date.now())
  metrics.log('odd "name" \n __proto__', -1.25, 7, Date.now())
  expect(await metrics.close()).toBe(true)
  const file = JSON.parse(textOf()) as Record<string, Series>
  expect(JSON.stringify(file, null, 2)).toBe(textOf())
  expect(Object.keys(file)).toStrictEqual(['odd "name" \n __proto__', 'train.batch.total', 'val.dice.liver'])
  expect(file['train.batch.total']).toMatchObject({ steps: [0, 1], values: [1e-9, 2] })
  for (const time of file['train.batch.total']!.timestamps) expect(time).toMatch(TIME)
})

test('non-finite values are null, since JSON has no NaN and no infinity', async () => {
  const metrics = metricsOf()
  for (const [step, value] of [Number.NaN, Infinity, 1].entries()) metrics.log('loss', value, step, Date.now())
  await Promise.resolve()
  expect([...readMetrics(directory).values()][0]!.values).toStrictEqual([null, null, 1])
  await metrics.close()
  expect(JSON.parse(textOf()).loss.values).toStrictEqual([null, null, 1])
})

test('points are readable before they are folded, and a fold in between does not duplicate them', async () => {
  const metrics = metricsOf()
  const points = Array.from({ length: 200 }, (_, step) => step)
  for (const step of points) {
    metrics.log(step % 3 === 0 ? 'a' : 'b', step, step, Date.now())
    if (step === 90) await metrics.fold()
  }
  await Promise.resolve() // points that were logged together are kept together
  expect(JSON.parse(textOf()).a.steps.length).toBeLessThan(readMetrics(directory).get('a')!.steps.length)
  // the journal after a kill between writing metrics.json and removing the journal
  const [segment] = journals()
  const unfolded = readFileSync(segment!, 'utf8')
  await metrics.fold()
  expect(journals().map(path => readFileSync(path, 'utf8'))).toStrictEqual([''])
  writeFileSync(segment!, `${unfolded}{"name": "a", "ind`)
  const read = readMetrics(directory)
  expect(read.get('a')!.steps).toStrictEqual(points.filter(step => step % 3 === 0))
  expect(read.get('b')!.values).toStrictEqual(points.filter(step => step % 3 !== 0))
})

test('points that arrive during a fold are in the journal and in the next fold', async () => {
  const metrics = metricsOf()
  for (let step = 0; step < 10; step++) metrics.log('a', step, step, Date.now())
  const folds = [metrics.fold(), metrics.fold()]
  await Promise.resolve() // the first has begun
  for (let step = 10; step < 20; step++) metrics.log('a', step, step, Date.now())
  await folds[0]
  expect(JSON.parse(textOf()).a.steps).toHaveLength(10)
  const steps = Array.from({ length: 20 }, (_, step) => step)
  expect(readMetrics(directory).get('a')!.steps).toStrictEqual(steps)
  await folds[1]
  expect(JSON.parse(textOf()).a.steps).toStrictEqual(steps)
})

test('many folds keep every point in order, also in lists of many pieces', async () => {
  const metrics = metricsOf()
  const steps = Array.from({ length: 30_000 }, (_, step) => step)
  for (const step of steps) {
    metrics.log('a', step / 2, step, Date.now())
    if (step % 200 === 0) await metrics.fold()
  }
  await metrics.close()
  expect(JSON.parse(textOf()).a).toMatchObject({ steps, values: steps.map(step => step / 2) })
  expect(JSON.stringify(JSON.parse(textOf()), null, 2)).toBe(textOf())
})

test('a failed fold keeps the earlier file, and its points for the next fold', async () => {
  const metrics = metricsOf()
  const partial = join(directory, '.partial/metrics.json')
  metrics.log('a', 0, 0, Date.now())
  mkdirSync(partial) // nothing can be written there
  await metrics.fold()
  expect(textOf()).toBe('{}')
  metrics.log('a', 1, 1, Date.now())
  await Promise.resolve()
  expect(readMetrics(directory).get('a')!.steps).toStrictEqual([0, 1])
  rmdirSync(partial)
  expect(await metrics.close()).toBe(true)
  expect(JSON.parse(textOf()).a.steps).toStrictEqual([0, 1])
  expect(journals().map(path => readFileSync(path, 'utf8'))).toStrictEqual([''])
  expect(warnings).toHaveLength(1)
})

test('a resumed run takes over the earlier points up to a step, with their times', async () => {
  const earlier = metricsOf()
  for (let step = 0; step < 10; step++) earlier.log('train.batch.total', step, step, Date.now())
  earlier.log('val.epoch.total_loss', 3, 1, Date.now())
  await Promise.resolve()
  const path = join(directory, 'resumed')
  mkdirSync(path)
  const metrics = metricsOf(path)
  const points = readMetrics(directory)
  metrics.adopt(selectPoints(points, (name, step) => (name.startsWith('train.batch.') ? step < 6 : step < 1)))
  metrics.log('train.batch.total', 60, 6, Date.now())
  await metrics.close()
  const file = JSON.parse(textOf(path)) as Record<string, Series>
  expect(Object.keys(file)).toStrictEqual(['train.batch.total'])
  expect(file['train.batch.total']).toMatchObject({ steps: [0, 1, 2, 3, 4, 5, 6], values: [0, 1, 2, 3, 4, 5, 60] })
  expect(file['train.batch.total']!.timestamps.slice(0, 6)).toStrictEqual(
    points.get('train.batch.total')!.timestamps.slice(0, 6),
  )
})

test('a directory that cannot be written causes one warning and never throws', async () => {
  const path = join(directory, 'run')
  mkdirSync(path)
  const metrics = metricsOf(path)
  rmSync(path, { recursive: true })
  writeFileSync(path, 'a file where the folder was')
  for (let step = 0; step < 50; step++) metrics.log('a', step, step, Date.now())
  await metrics.fold()
  expect(await metrics.close()).toBe(false)
  expect(warnings).toStrictEqual([
    `cannot write ${join(path, '.partial/metrics.1.jsonl')}: not a directory; the run goes on, its record may have gaps`,
  ])
})

test('10^5 points: metrics.json is valid at any moment, and after kill -9 no logged point is missing', async () => {
  const said = join(directory, 'said')
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('./children/log_points.ts', import.meta.url)), directory],
    { stdio: ['ignore', openSync(said, 'w'), 'inherit'] },
  )
  const lastSaid = () => Number(readFileSync(said, 'utf8').split('\n').at(-2) ?? 0)
  const exit = once(child, 'exit')
  const lengths = new Set<number>()
  try {
    while (child.exitCode === null && (lastSaid() < 100_000 || lengths.size < 20)) {
      await setTimeout(1)
      if (!existsSync(join(directory, 'metrics.json'))) continue // the child has not started
      const { 'train.batch.total': total } = JSON.parse(textOf()) as Record<string, Series>
      lengths.add(total?.steps.length ?? 0)
      if (lengths.size % 4 === 0) readMetrics(directory)
    }
  } finally {
    child.kill('SIGKILL')
  }
  expect(await exit).toStrictEqual([null, 'SIGKILL'])
  JSON.parse(textOf())
  const all = readMetrics(directory)
  expect(all.size).toBe(8)
  for (const { steps, timestamps, values } of all.values()) {
    expect(steps.length).toBeGreaterThanOrEqual(lastSaid() / 8)
    expect(steps).toStrictEqual(steps.map((_, i) => i))
    expect([timestamps.length, values.length]).toStrictEqual([steps.length, steps.length])
  }
  expect(readdirSync(directory).sort()).toStrictEqual(['.partial', 'metrics.json', 'said'])
})

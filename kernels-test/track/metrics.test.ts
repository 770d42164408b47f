import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RunFiles } from '../../src/track/files.ts'
import { Metrics, readMetrics, type Series, selectPoints } from '../../src/track/metrics.ts'

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/
let directory = ''
let warnings: string[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'metrics-'))
  warnings = []
})
afterEach(() => rmSync(directory, { recursive: true }))

const metricsOf = (path = directory) => new Metrics(new RunFiles(path, line => warnings.push(line)))
const textOf = (path = directory) => readFileSync(join(path, 'metrics.json'), 'utf8')

test('the file is there from the start and is what JSON.stringify would write, sorted', () => {
  const metrics = metricsOf()
  expect(textOf()).toBe('{}')
  metrics.log('val.dice.liver', 0.5, 3, Date.now())
  metrics.log('train.batch.total', 1e-9, 0, Date.now())
  metrics.log('train.batch.total', 2, 1, Date.now())
  metrics.log('odd "name" \n __proto__', -1.25, 7, Date.now())
  expect(metrics.close()).toBe(true)
  const file = JSON.parse(textOf()) as Record<string, Series>
  expect(JSON.stringify(file, null, 2)).toBe(textOf())
  expect(Object.keys(file)).toStrictEqual(['odd "name" \n __proto__', 'train.batch.total', 'val.dice.liver'])
  expect(file['train.batch.total']).toMatchObject({ steps: [0, 1], values: [1e-9, 2] })
  for (const time of file['train.batch.total']!.timestamps) expect(time).toMatch(TIME)
})

test('values that are not finite are null, since JSON has no others', () => {
  const metrics = metricsOf()
  for (const [step, value] of [Number.NaN, Infinity, 1].entries()) metrics.log('loss', value, step, Date.now())
  expect([...readMetrics(directory).values()][0]!.values).toStrictEqual([null, null, 1])
  metrics.close()
  expect(JSON.parse(textOf()).loss.values).toStrictEqual([null, null, 1])
})

test('points are readable before they are folded, and a fold between does not double them', () => {
  const metrics = metricsOf()
  const points = Array.from({ length: 200 }, (_, step) => step)
  for (const step of points) {
    metrics.log(step % 3 === 0 ? 'a' : 'b', step, step, Date.now())
    if (step === 90) metrics.fold()
  }
  expect(JSON.parse(textOf()).a.steps.length).toBeLessThan(readMetrics(directory).get('a')!.steps.length)
  // The journal of a kill between writing metrics.json and emptying the journal.
  const journal = join(directory, '.partial/metrics.jsonl')
  const unfolded = readFileSync(journal, 'utf8')
  metrics.fold()
  expect(readFileSync(journal, 'utf8')).toBe('')
  writeFileSync(journal, `${unfolded}{"name": "a", "ind`)
  const read = readMetrics(directory)
  expect(read.get('a')!.steps).toStrictEqual(points.filter(step => step % 3 === 0))
  expect(read.get('b')!.values).toStrictEqual(points.filter(step => step % 3 !== 0))
})

test('many folds keep every point in order', () => {
  const metrics = metricsOf()
  const steps = Array.from({ length: 200 }, (_, step) => step)
  for (const step of steps) {
    metrics.log('a', step / 2, step, Date.now())
    metrics.fold()
  }
  expect(JSON.parse(textOf()).a).toMatchObject({ steps, values: steps.map(step => step / 2) })
})

test('a resumed run takes over the earlier points up to a step, with their times', () => {
  const earlier = metricsOf()
  for (let step = 0; step < 10; step++) earlier.log('train.batch.total', step, step, Date.now())
  earlier.log('val.epoch.total_loss', 3, 1, Date.now())
  const path = join(directory, 'resumed')
  mkdirSync(path)
  const metrics = metricsOf(path)
  const points = readMetrics(directory)
  metrics.adopt(selectPoints(points, (name, step) => (name.startsWith('train.batch.') ? step < 6 : step < 1)))
  metrics.log('train.batch.total', 60, 6, Date.now())
  metrics.close()
  const file = JSON.parse(textOf(path)) as Record<string, Series>
  expect(Object.keys(file)).toStrictEqual(['train.batch.total'])
  expect(file['train.batch.total']).toMatchObject({ steps: [0, 1, 2, 3, 4, 5, 6], values: [0, 1, 2, 3, 4, 5, 60] })
  expect(file['train.batch.total']!.timestamps.slice(0, 6)).toStrictEqual(
    points.get('train.batch.total')!.timestamps.slice(0, 6),
  )
})

test('a directory that cannot be written warns once and never throws', () => {
  const path = join(directory, 'run')
  mkdirSync(path)
  const metrics = metricsOf(path)
  rmSync(path, { recursive: true })
  writeFileSync(path, 'a file where the folder was')
  for (let step = 0; step < 50; step++) metrics.log('a', step, step, Date.now())
  metrics.fold()
  expect(metrics.close()).toBe(false)
  expect(warnings).toStrictEqual([
    `cannot write ${join(path, 'metrics.json')}: not a directory; the run goes on, its record may have gaps`,
  ])
})

test('metrics.json is valid at any moment, and after kill -9 no point that was logged is missing', async () => {
  const said = join(directory, 'said')
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('./children/log_points.ts', import.meta.url)), directory],
    { stdio: ['ignore', openSync(said, 'w'), 'inherit'] },
  )
  const lastSaid = () => Number(readFileSync(said, 'utf8').split('\n').at(-2) ?? 0)
  const exit = once(child, 'exit')
  try {
    for (let reads = 0; child.exitCode === null && (reads < 20 || lastSaid() < 500); ) {
      await setTimeout(5)
      if (!existsSync(join(directory, 'metrics.json'))) continue // the child has not started
      JSON.parse(textOf())
      reads++
    }
  } finally {
    child.kill('SIGKILL')
  }
  expect(await exit).toStrictEqual([null, 'SIGKILL'])
  JSON.parse(textOf())
  const all = readMetrics(directory)
  expect(all.size).toBe(2)
  for (const { steps, timestamps, values } of all.values()) {
    expect(steps.length).toBeGreaterThan(lastSaid())
    expect(steps).toStrictEqual(steps.map((_, i) => i))
    expect([timestamps.length, values.length]).toStrictEqual([steps.length, steps.length])
  }
  expect(readdirSync(directory).sort()).toStrictEqual(['.partial', 'metrics.json', 'said'])
})

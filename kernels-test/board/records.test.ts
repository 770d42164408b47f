import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RecordMetrics } from '../../src/board/records/metrics.ts'
import { Records } from '../../src/board/records/records.ts'
import { runPageOf } from '../../src/board/records/run_page.ts'
import { seriesOf } from '../../src/board/records/series.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { RunDirectory } from '../../src/track/run_directory.ts'
import { sacredTime } from '../../src/track/time.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { request } from '../track/request.ts'

const WINDOW = { unit: 'epoch', x: 'step', width: 100, smooth: 0, from: undefined, to: undefined } as const
const time = Date.UTC(2026, 0, 2)

/** A folder of the record's files, as text. */
function written(folder: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

/** run.json as Python's Sacred writes it. */
const sacredRun = (changes: object = {}): string =>
  JSON.stringify({
    experiment: { name: 'theirs' },
    start_time: '2026-01-02T03:04:05.123456',
    stop_time: '2026-01-02T03:05:05.123456',
    heartbeat: '2026-01-02T03:05:05.123456',
    status: 'COMPLETED',
    meta: { comment: 'by Python' },
    result: 0.5,
    ...changes,
  })

const point = (name: string, value: number, step: number) => ({ name, value, step, time: time + 1000 * step })

async function readAll(folder: string): Promise<Records> {
  const records = new Records([folder])
  await records.scanned()
  return records
}

test('a run of this program: figures, settings that differ, why it failed', async () => {
  const base = join(temporaryDirectory(), 'runs')
  const first = RunDirectory.create({ ...request(base), comment: 'one' })!
  for (const [epoch, loss] of [3, 1, 2].entries()) {
    first.log(point('train.epoch.total_loss', loss, epoch))
    first.log(point('val.epoch.total_loss', loss + 0.5, epoch))
    first.log(point('val.epoch.hard_dice', 0.1 * epoch, epoch))
  }
  first.capture('epoch 1\n')
  await first.finish({ status: 'COMPLETED' })
  const config = defaultConfig()
  const second = RunDirectory.create({ ...request(base), config: { ...config, seed: 7 } })!
  await second.finish({ status: 'FAILED', error: new Error('the disk is full') })
  const records = await readAll(base)
  expect(records.table.rows).toMatchObject([
    { id: 'runs/1', status: 'COMPLETED', comment: 'one', epochs: 3, bestLoss: 1.5, bestDice: 0.2, problems: [] },
    { id: 'runs/2', status: 'FAILED', problems: [] },
  ])
  expect(records.table.differing).toEqual({ seed: [config.seed, 7] })
  expect(records.table.common['training.learning_rate']).toBe(config.training.learning_rate)
  expect(runPageOf(records.run('runs/1')!).console).toBe('epoch 1\n')
  const failed = runPageOf(records.run('runs/2')!)
  expect(failed.trace.join('\n')).toContain('the disk is full')
  expect(failed.settings).toContainEqual({ key: 'seed', value: 7, default: config.seed })
})

test('a live run is followed: by its journal, through folds, to its end', async () => {
  const run = RunDirectory.create(request(join(temporaryDirectory(), 'runs')))!
  const metrics = new RecordMetrics(run.path)
  const steps = () => [...(metrics.all.get('train.batch.total')?.steps.numbers ?? [])]
  const log = async (...which: number[]) => {
    for (const step of which) run.log(point('train.batch.total', step, step))
    await Promise.resolve() // the journal is written at the end of a turn
  }
  metrics.refresh()
  await log(0, 1)
  expect([metrics.refresh(), steps()]).toEqual([true, [0, 1]])
  expect(metrics.refresh()).toBe(false)
  await log(2)
  await run.metrics.fold() // points that the reader has not seen leave the journal
  await log(3)
  expect([metrics.refresh(), steps()]).toEqual([true, [0, 1, 2, 3]])
  await log(4)
  await run.finish({ status: 'COMPLETED' })
  expect([metrics.refresh(), steps()]).toEqual([true, [0, 1, 2, 3, 4]])
})

test('a line of the journal that is half written is read when it is whole', () => {
  const folder = written(join(temporaryDirectory(), '1'), { 'metrics.json': '{}' })
  const journal = join(folder, '.partial', 'metrics.0.jsonl')
  const line = (index: number) =>
    `{"name":"a","index":${index},"step":${index},"timestamp":"${sacredTime(time)}","value":${index}}\n`
  written(join(folder, '.partial'), { 'metrics.0.jsonl': line(0) + line(1).slice(0, 20) })
  const metrics = new RecordMetrics(folder)
  metrics.refresh()
  expect(metrics.all.get('a')!.values.length).toBe(1)
  writeFileSync(journal, line(0) + line(1))
  metrics.refresh()
  expect([...metrics.all.get('a')!.values.numbers]).toEqual([0, 1])
})

test("records of Python's Sacred appear, with NaN, numpy's numbers and without info.json", async () => {
  const base = temporaryDirectory()
  const stamp = '"2026-01-02T03:04:05.123456"'
  written(join(base, 'runs', '1'), {
    'run.json': sacredRun(),
    'config.json': '{"lr": 0.1, "layers": [1, 2]}',
    'cout.txt': '',
    'metrics.json': `{"val_loss": {"steps": [0, 1, 2], "timestamps": [${stamp}, ${stamp}, ${stamp}], "values": [NaN, {"dtype": "float64", "value": 0.25}, -Infinity]}}`,
  })
  const records = await readAll(base)
  const [row] = records.table.rows
  expect(row).toMatchObject({
    status: 'COMPLETED',
    comment: 'by Python',
    experiment: 'theirs',
    bestLoss: 0.25,
    problems: [],
  })
  expect(row!.stopped! - row!.started!).toBe(60_000)
  expect(records.table.common).toEqual({ lr: 0.1, layers: '[1,2]' })
  const [series] = seriesOf(records.run(row!.id)!.metrics(), [], WINDOW)
  expect(series).toEqual({ name: 'val_loss', xs: [0, 1, 2], values: [null, 0.25, null] })
})

test('metrics are read alike in the plain form, in any other, and by JSON itself', () => {
  const folder = temporaryDirectory()
  const values = [0, -1.5, 1e-7, 123456789012345680, -3.25e-300, 0.1, null, 7]
  const series = { steps: values.map((_, i) => 10 * i), timestamps: values.map((_, i) => sacredTime(time + i)), values }
  const read = (text: string) => {
    const metrics = new RecordMetrics(written(folder, { 'metrics.json': text }))
    metrics.refresh()
    return [...metrics.all].map(([name, { steps, times, values }]) => [
      name,
      ...[steps, times, values].map(each => [...each.numbers]),
    ])
  }
  const expected = [
    ['a', series.steps, series.timestamps.map((_, i) => time + i), values.map(value => value ?? Number.NaN)],
    ['b', [], [], []],
  ]
  const all = { a: series, b: { steps: [], timestamps: [], values: [] } }
  expect(read(JSON.stringify(all, null, 2))).toEqual(expected)
  expect(read(JSON.stringify(all))).toEqual(expected)
  // an escaped name, text that is no number, another member: not the plain form
  expect(read(JSON.stringify(all).replace('"a"', '"\\u0061"'))).toEqual(expected)
  expect(read(JSON.stringify({ ...all, a: { ...series, more: [1] } }))).toEqual(expected)
  expect(read(JSON.stringify({ a: { ...series, steps: series.steps.map(String) } }))[0]![1]).toEqual([...values.keys()])
  expect(() => read(`${JSON.stringify(all)}]`)).toThrow(/metrics\.json:1:\d+: /)
  expect(() => read('{"a": {"steps": [01], "timestamps": [""], "values": [1]}}')).toThrow(/metrics\.json:1:\d+: /)
  expect(read('{"a": {"steps": [1], "timestamps": ["2026-01-02T00:00:00"], "values": [-Infinity]}}')).toEqual([
    ['a', [1], [time], [Number.NaN]],
  ])
})

test('what cannot be read is shown as that and hides no other record', async () => {
  const base = join(temporaryDirectory(), 'runs')
  written(join(base, '1'), { 'run.json': sacredRun(), 'config.json': '{}', 'metrics.json': '{}' })
  written(join(base, '2'), { 'run.json': sacredRun().slice(0, 40), 'config.json': '{}' })
  written(join(base, '3'), { 'config.json': '{' })
  written(join(base, '4'), { 'run.json': sacredRun(), 'config.json': '{}', 'metrics.json': '{"a": {"steps": [0' })
  written(join(base, '5'), { 'run.json': '[1]', 'config.json': '{"a": {"b": null}}' })
  written(join(base, '6'), { 'run.json': sacredRun({ status: 7, meta: [], experiment: null }), 'config.json': '{}' })
  mkdirSync(join(base, '7'))
  const { rows } = (await readAll(base)).table
  expect(rows.map(({ id, status }) => [id, status])).toEqual([
    ['runs/1', 'COMPLETED'],
    ['runs/2', 'BROKEN'],
    ['runs/3', 'BROKEN'],
    ['runs/4', 'COMPLETED'],
    ['runs/5', 'BROKEN'],
    ['runs/6', 'BROKEN'],
  ])
  expect(rows.map(({ problems }) => problems.length > 0)).toEqual([false, true, true, true, true, false])
  expect(rows[3]!.problems[0]).toMatch(/^metrics\.json:1:\d+: /)
})

test('a run whose heartbeat stopped is not running', async () => {
  const base = join(temporaryDirectory(), 'runs')
  const beat = (age: number) => ({ status: 'RUNNING', heartbeat: sacredTime(Date.now() - age) })
  written(join(base, '1'), { 'run.json': sacredRun(beat(5_000)), 'config.json': '{}' })
  written(join(base, '2'), { 'run.json': sacredRun(beat(300_000)), 'config.json': '{}' })
  const { rows } = (await readAll(base)).table
  expect(rows.map(({ status }) => status)).toEqual(['RUNNING', 'SILENT'])
})

test('a run that continues another begins with its points', async () => {
  const base = join(temporaryDirectory(), 'runs')
  const stamps = (count: number) => Array.from({ length: count }, (_, i) => sacredTime(time + i))
  const metrics = (steps: number[], values: number[]) =>
    JSON.stringify({ 'val.epoch.total_loss': { steps, values, timestamps: stamps(steps.length) } })
  const config = { 'config.json': '{}' }
  written(join(base, '1'), { ...config, 'run.json': sacredRun(), 'metrics.json': metrics([0, 1, 2], [9, 8, 7]) })
  const info = JSON.stringify({ resumed_from: { run: 1, epoch: 2, step: 20, checkpoint: 'last.pth' } })
  written(join(base, '2'), {
    ...config,
    'run.json': sacredRun(),
    'info.json': info,
    'metrics.json': metrics([2, 3], [6, 5]),
  })
  const records = await readAll(base)
  const earlier = [{ metrics: records.run('runs/1')!.metrics(), epoch: 2, step: 20 }]
  const [series] = seriesOf(records.run('runs/2')!.metrics(), earlier, WINDOW)
  expect(series).toMatchObject({ xs: [0, 1, 2, 3], values: [9, 8, 6, 5] })
  expect(runPageOf(records.run('runs/2')!).resumedFrom).toEqual({ id: 'runs/1', epoch: 2, step: 20 })
})

test('a long series is thinned to what can be seen: both ends, every peak and gap', () => {
  const folder = temporaryDirectory()
  const values = Array.from({ length: 100_000 }, (_, i): number | null => Math.sin(i / 1000))
  values[33_333] = 50
  values[66_666] = -50
  values[77_777] = null
  const series = { steps: values.map((_, i) => i), timestamps: values.map(() => sacredTime(time)), values }
  written(folder, { 'metrics.json': JSON.stringify({ a: series }) })
  const metrics = new RecordMetrics(folder)
  metrics.refresh()
  const [all] = seriesOf(metrics, [], WINDOW)
  expect(all!.xs.length).toBeLessThanOrEqual(5 * 101)
  expect([all!.xs[0], all!.xs.at(-1)]).toEqual([0, 99_999])
  for (const peak of [33_333, 66_666, 77_777]) expect(all!.xs).toContain(peak)
  expect(all!.xs).toEqual([...all!.xs].sort((a, b) => a - b))
  const [part] = seriesOf(metrics, [], { ...WINDOW, from: 33_300, to: 33_400 })
  expect(part!.xs).toEqual(Array.from({ length: 103 }, (_, i) => 33_299 + i))
})

test("runs recorded by Sacred's FileStorageObserver itself appear", async context => {
  const python = process.env.SADAAN_READERS
  if (!python) context.skip('SADAAN_READERS names no Python with sacred')
  const base = join(temporaryDirectory(), 'runs')
  const program = `
from sacred import Experiment, SETTINGS
from sacred.observers import FileStorageObserver
SETTINGS.CAPTURE_MODE = 'sys'
ex = Experiment('python', interactive=True, save_git_info=False)
ex.observers.append(FileStorageObserver('${base}'))
ex.add_config({'lr': 0.01})
@ex.main
def run(_run):
    for step in range(3): _run.log_scalar('val.loss', 3 - step, step)
    print('hello'); return 1
ex.run()`
  const { status, stderr } = spawnSync(python!, ['-W', 'ignore', '-c', program], { encoding: 'utf8' })
  expect(stderr.includes('Traceback') ? stderr : status).toBe(0)
  const records = await readAll(base)
  expect(records.table.rows).toMatchObject([{ id: 'runs/1', status: 'COMPLETED', bestLoss: 1, problems: [] }])
  expect(runPageOf(records.run('runs/1')!).console).toContain('hello')
})

// full: reads records with Sacred and its boards
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { defaultConfig } from '../../src/config/schema.ts'
import { RunDirectory } from '../../src/track/run_directory.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { request } from './request.ts'

const python = process.env.SADAAN_READERS
const script = fileURLToPath(new URL('./readers.py', import.meta.url))
const base = temporaryDirectory()
const LOG = 'epoch 1/2\nwarning: an update was skipped\n'

beforeEach(context => {
  if (!python) context.skip('SADAAN_READERS names no python with sacred, incense and sacredboard')
})

/** A completed run, a live one and a failed one. */
beforeAll(async () => {
  if (!python) return // the live run would still write its picture when the folder is removed
  const config = join(temporaryDirectory(), 'cfg.json')
  writeFileSync(config, '{"training": {"batch_size": 2}}')
  const start = () => RunDirectory.create({ ...request(base), sources: [config], resources: ['/data/train.h5'] })!
  const [done, running, failed] = [start(), start(), start()]
  for (let step = 0; step < 50; step++) done.log({ name: 'train.batch.total', value: 1 / (step + 1), step, time: step })
  done.log({ name: 'val.dice.liver', value: Number.NaN, step: 0, time: 1 })
  done.setInfo('resumed_from', { run: 1, epoch: 3 })
  done.capture(LOG)
  done.keep({ name: 'curves.png', bytes: Buffer.alloc(99) })
  await done.finish({ status: 'COMPLETED', result: 0.25 })
  running.log({ name: 'train.batch.total', value: 1, step: 0, time: 1 })
  running.keep({ name: 'curves.png', bytes: Buffer.alloc(99) })
  running.beat(Date.now())
  await failed.finish({ status: 'FAILED', error: new RangeError('too many voxels') })
})

async function ask(...words: string[]) {
  const { stdout } = await promisify(execFile)(python!, [script, ...words])
  return JSON.parse(stdout.trim().split('\n').at(-1)!)
}

interface BoardRun {
  id: string
  status: string
  is_alive: boolean
  result: number | null
  experiment_name: string
  hostname: string
  object: Record<string, unknown> & { experiment: { sources: string[][] }; config: { seed: number } }
}

test('sacredboard -F lists our runs, the live one too, and shows each', async () => {
  const words = ['-u', '-W', 'ignore', '-m', 'sacredboard.bootstrap', '-F', base, '--no-browser', '--port', '5210']
  const board = spawn(python!, words, { env: { ...process.env, LC_ALL: 'C.UTF-8' } })
  const said = { stdout: '', stderr: '' }
  const exit = once(board, 'exit')
  try {
    board.stderr.setEncoding('utf8').on('data', text => (said.stderr += text))
    const address = await new Promise<string>((resolve, reject) => {
      board.once('exit', () => reject(new Error(`sacredboard ended: ${said.stderr}`)))
      board.stdout.setEncoding('utf8').on('data', text => {
        said.stdout += text
        const [, port] = /Starting sacredboard on port (\d+)/.exec(said.stdout) ?? []
        if (port) resolve(`http://127.0.0.1:${port}`)
      })
    })
    const get = async (path: string) => {
      const response = await fetch(`${address}${path}`)
      return { status: response.status, text: await response.text() }
    }
    const list = await get('/api/run')
    expect(list.status, said.stderr).toBe(200)
    const runs = (JSON.parse(list.text).data as BoardRun[]).sort((a, b) => Number(a.id) - Number(b.id))
    expect(runs.map(({ id, status, result }) => [id, status, result])).toStrictEqual([
      ['1', 'COMPLETED', 0.25],
      ['2', 'RUNNING', null],
      ['3', 'FAILED', null],
    ])
    for (const run of runs) expect([run.experiment_name, run.is_alive]).toStrictEqual(['sadaan_hdf5', true])
    const detail = await get('/api/run/3')
    expect(detail.status, said.stderr).toBe(200)
    const { object } = JSON.parse(detail.text).data[0] as BoardRun
    expect(object.config).toMatchObject({ seed: defaultConfig().seed })
    expect(object.experiment.sources[0]![1]).toMatch(/^_sources\/cfg_[0-9a-f]{32}\.json$/)
    expect(object).toMatchObject({ fail_trace: expect.arrayContaining(['RangeError: too many voxels\n']) })
    // its page of runs; it reads metrics from MongoDB only
    expect((await get('/runs')).text).toContain('Sacredboard')
    expect((await get('/api/run/1/metric/0')).text).toContain('Metrics not supported by this backend')
  } finally {
    board.kill()
  }
  await exit
})

test('incense loads our runs with metrics, output and artifacts', async () => {
  const [done, running] = await Promise.all([ask('incense', base, '1'), ask('incense', base, '2')])
  expect(done).toMatchObject({
    id: 1,
    name: 'sadaan_hdf5',
    status: 'COMPLETED',
    result: 0.25,
    batch_size: defaultConfig().training.batch_size,
    info: { resumed_from: { run: 1, epoch: 3 } },
    captured_out: LOG,
  })
  const { 'train.batch.total': total } = done.metrics
  expect(total.index).toBe('step')
  expect(total.steps).toStrictEqual(Array.from({ length: 50 }, (_, step) => step))
  expect(total.values).toStrictEqual(total.steps.map((step: number) => 1 / (step + 1)))
  expect(done.metrics).toHaveProperty(['val.dice.liver'])
  // it takes info.json for an artifact too, in Sacred's own runs as in ours
  expect(done.artifacts).toStrictEqual({ 'curves.png': 99, 'info.json': expect.any(Number) })
  expect(running).toMatchObject({ status: 'RUNNING', artifacts: { 'curves.png': 99 } })
})

test('Sacred records its own run among ours, in the same format', async () => {
  const before = Math.max(
    ...readdirSync(base)
      .filter(name => name !== '_sources')
      .map(Number),
  )
  const theirs = await ask('sacred', base)
  expect(theirs).toStrictEqual({ id: before + 1, status: 'COMPLETED' })
  const ours = RunDirectory.create({ ...request(base), comment: 'ours' })!
  expect(ours.id).toBe(before + 2)
  ours.log({ name: 'loss', value: 0.5, step: 3, time: Date.now() })
  ours.setInfo('note', 'ours')
  await ours.finish({ status: 'COMPLETED', result: 1e-3 })
  const read = (id: number, name: string) => JSON.parse(readFileSync(join(base, String(id), name), 'utf8'))
  const [their, our] = [read(theirs.id, 'run.json'), read(ours.id, 'run.json')]
  for (const part of [(run: typeof our) => run, (run: typeof our) => run.meta])
    expect(Object.keys(part(our)).sort()).toStrictEqual(Object.keys(part(their)).sort())
  // what our records contain beyond Sacred's
  expect(Object.keys(our.experiment).sort()).toStrictEqual([...Object.keys(their.experiment), 'program'].sort())
  expect(new Set(Object.keys(our.host))).toEqual(new Set([...Object.keys(their.host), 'gpus', 'node_version']))
  expect(read(ours.id, 'metrics.json')).toMatchObject({ loss: { steps: [3], values: [0.5] } })
  expect(shapeOf(read(ours.id, 'metrics.json'))).toStrictEqual(shapeOf(read(theirs.id, 'metrics.json')))
  expect(Object.keys(read(ours.id, 'config.json'))).toContain('seed')
  const visible = (id: number) => readdirSync(join(base, String(id))).sort()
  expect(visible(ours.id)).toStrictEqual(visible(theirs.id))
})

/** The keys, and the type of list items. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map(item => (typeof item === 'string' ? item.replace(/\d/g, '0') : typeof item))
  if (typeof value !== 'object' || value === null) return typeof value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shapeOf(item)]))
}

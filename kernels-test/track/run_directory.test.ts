import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { toJson } from '../../src/config/load.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { Console } from '../../src/track/console/console.ts'
import { describeRepository } from '../../src/track/repository.ts'
import { RunDirectory } from '../../src/track/run_directory.ts'
import { sacredTime } from '../../src/track/time.ts'
import { InputError } from '../../src/util/error.ts'
import { request } from './request.ts'

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/
const SHA256 = /^[0-9a-f]{64}$/
const FILES = ['config.json', 'cout.txt', 'info.json', 'metrics.json', 'run.json']
let base = ''
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'runs-'))
})
afterEach(() => rmSync(base, { recursive: true }))

const read = (run: RunDirectory, name: string) => readFileSync(join(run.path, name), 'utf8')
const record = (run: RunDirectory) => JSON.parse(read(run, 'run.json'))

test('times are naive UTC with six digits', () => {
  expect(sacredTime(Date.UTC(2026, 0, 2, 3, 4, 5))).toBe('2026-01-02T03:04:05.000000')
  expect(sacredTime(Date.UTC(2026, 0, 2, 3, 4, 5, 67))).toBe('2026-01-02T03:04:05.067000')
})

test('a started run has all files that readers open, and no other visible file', async () => {
  const run = RunDirectory.create(request(base))!
  expect([run.id, run.path]).toStrictEqual([1, join(base, '1')])
  expect(readdirSync(run.path).filter(name => !name.startsWith('.'))).toStrictEqual(FILES)
  expect(read(run, 'config.json')).toBe(toJson(defaultConfig()))
  expect([read(run, 'info.json'), read(run, 'metrics.json'), read(run, 'cout.txt')]).toStrictEqual(['{}', '{}', ''])
  const { start_time: start, stop_time: stop, heartbeat, status, host, experiment, meta, ...rest } = record(run)
  expect(start).toMatch(TIME)
  expect([heartbeat, stop, status]).toStrictEqual([start, start, 'RUNNING'])
  expect(rest).toStrictEqual({ command: 'train', result: null, resources: [], artifacts: [] })
  expect(host).toMatchObject({ node_version: process.versions.node, python_version: process.versions.node, ENV: {} })
  expect(host.gpus).toMatchObject({ driver_version: 'Mesa 26', gpus: [{ model: 'llvmpipe' }] })
  expect(host.os).toHaveLength(2)
  expect(experiment).toMatchObject({ name: 'sadaan_hdf5', base_dir: process.cwd(), sources: [] })
  expect(experiment.repositories).toStrictEqual([describeRepository(process.cwd())].filter(Boolean))
  expect(experiment.program).toMatchObject({
    code: expect.stringMatching(SHA256),
    shaders: expect.stringMatching(SHA256),
  })
  expect(experiment.dependencies).toContain(`node==${process.versions.node}`)
  expect(experiment.dependencies).toContainEqual(expect.stringMatching(/^zod==\d+\.\d+\.\d+$/))
  expect(meta).toStrictEqual({
    command: 'train',
    options: { '--config': null },
    named_configs: [],
    config_updates: { seed: 42 },
  })
  await run.finish({ status: 'COMPLETED' })
})

test('a finished run has status, result and stop time; the hidden folder is gone', async () => {
  const run = RunDirectory.create(request(base))!
  run.metrics.log('train.batch.total', 1.5, 0, Date.now())
  run.setInfo('resumed_from', { run: 3, epoch: 7 })
  run.capture('epoch 1\n')
  run.capture('epoch 2\n')
  await run.finish({ status: 'COMPLETED', result: 0.25 })
  expect(readdirSync(run.path)).toStrictEqual(FILES)
  expect(record(run)).toMatchObject({ status: 'COMPLETED', result: 0.25, stop_time: expect.stringMatching(TIME) })
  expect(record(run)).not.toHaveProperty('fail_trace')
  expect(JSON.parse(read(run, 'info.json'))).toStrictEqual({ resumed_from: { run: 3, epoch: 7 } })
  expect(JSON.parse(read(run, 'metrics.json'))['train.batch.total'].values).toStrictEqual([1.5])
  expect(read(run, 'cout.txt')).toBe('epoch 1\nepoch 2\n')
})

test('a failed run keeps its trace as lines, an interrupted one has none', async () => {
  const failed = RunDirectory.create(request(base))!
  await failed.finish({ status: 'FAILED', error: new RangeError('too many voxels') })
  expect(record(failed).status).toBe('FAILED')
  expect(record(failed).fail_trace[0]).toBe('RangeError: too many voxels\n')
  expect(record(failed).fail_trace.length).toBeGreaterThan(2)
  const interrupted = RunDirectory.create(request(base))!
  await interrupted.finish({ status: 'INTERRUPTED' })
  expect(record(interrupted)).toMatchObject({ status: 'INTERRUPTED', result: null })
  expect(interrupted.id).toBe(2)
})

test('the id is one above the highest number, whatever else the folder contains', () => {
  for (const name of ['7', '12', '_sources', '99x', '-3']) mkdirSync(join(base, name))
  expect(RunDirectory.create(request(base))!.id).toBe(13)
  expect(RunDirectory.create(request(join(base, 'new', 'folder')))!.id).toBe(1)
})

test('runs that start at once in several processes get different ids, without gaps', async () => {
  const child = fileURLToPath(new URL('./children/make_runs.ts', import.meta.url))
  const make = () => promisify(execFile)(process.execPath, ['--import', 'tsx', child, base, '25'])
  const outputs = await Promise.all([make(), make(), make()])
  const ids = outputs.flatMap(({ stdout }) => stdout.trim().split('\n').map(Number))
  expect(ids.sort((a, b) => a - b)).toStrictEqual(Array.from({ length: 75 }, (_, i) => i + 1))
})

test('a base that is a file is wrong input', () => {
  const path = join(base, 'file')
  writeFileSync(path, '')
  const create = (at: string) => () => RunDirectory.create(request(at))
  expect(create(path)).toThrow(InputError)
  expect(create(path)).toThrow(`${path}: file already exists, expected a folder to record runs in`)
  expect(create(join(path, 'runs'))).toThrow('not a directory, expected a folder to record runs in')
})

test('a run directory that disappears causes one warning, through a console that is itself captured', async () => {
  let said = ''
  const stream = { write: (text: string) => (said += text), on: () => stream }
  const console = new Console({ stream, environment: {} })
  const run = RunDirectory.create(request(base, line => console.warn(line)))!
  console.capture = text => run.capture(text)
  rmSync(run.path, { recursive: true })
  console.line('epoch 1')
  run.setInfo('a', 1)
  run.metrics.log('loss', 1, 1, Date.now())
  await run.finish({ status: 'COMPLETED' })
  const warning = `cannot write ${join(run.path, 'cout.txt')}: no such file or directory`
  expect(said).toBe(`epoch 1\nwarning: ${warning}; the run goes on, its record may have gaps\n`)
})

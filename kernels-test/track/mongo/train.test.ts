// full: trains while MongoDB comes and goes
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import type { Series } from '../../../src/track/metrics.ts'
import { parseMongoAddress } from '../../../src/track/mongo/address.ts'
import { PACKAGE_ROOT } from '../../../src/util/package_root.ts'
import { run } from '../../cli/command.ts'
import { temporaryDirectory, writeDataset } from '../../data/small_dataset.ts'
import { trainHere } from '../../train/training_here.ts'
import { addressOf, look, startServer } from './helpers.ts'

const root = temporaryDirectory()
const dataset = join(root, 'data')
const split = { structures: 2, imageSize: [32, 16, 16] as [number, number, number] }
mkdirSync(dataset)
await writeDataset(dataset, { ...split, samples: 4 }, { ...split, samples: 1 })
const words = [
  'with',
  `dataset_path=${dataset}`,
  'model.channels=[2,4,4,6,8]',
  'training.num_epochs=1',
  'training.batch_size=2',
  'logging.visualize_predictions=False',
]

function readRun(id: number, name: string): string {
  return readFileSync(join(root, 'sacred_runs', String(id), name), 'utf8')
}

test('train -m keeps the run in the database as in its directory', async () => {
  const server = await startServer()
  const { code, stderr } = await run(['train', '-m', addressOf(server), '-c', 'a try', ...words], root)
  expect(code, stderr).toBe(0)
  expect(stderr).toContain(`record    mongodb://${server.address}/organs run 1\n`)
  expect(stderr).not.toContain('warning')
  const db = await look(server)
  const kept = (await db.collection('runs').findOne({}))!
  const file = JSON.parse(readRun(1, 'run.json'))
  expect(kept).toMatchObject({ _id: 1, status: 'COMPLETED', command: 'train', result: file.result })
  expect(kept.config).toStrictEqual(JSON.parse(readRun(1, 'config.json')))
  expect(kept.meta).toMatchObject({ comment: 'a try', config_updates: { training: { num_epochs: 1 } } })
  expect(stderr.startsWith(kept.captured_out.slice(0, 100))).toBe(true)
  expect(kept.info.variants.digest).toBe(JSON.parse(readRun(1, 'info.json')).variants.digest)

  const metrics = await db.collection('metrics').find({ run_id: 1 }).toArray()
  const files = Object.entries(JSON.parse(readRun(1, 'metrics.json')) as Record<string, Series>)
  const plain = metrics.map(({ name, steps, values, timestamps }) => [
    name,
    { steps, values, timestamps: timestamps.map((time: Date) => `${time.toISOString().slice(0, -1)}000`) },
  ])
  expect(Object.fromEntries(plain)).toStrictEqual(Object.fromEntries(files))
  expect(files.length).toBeGreaterThan(20)
})

test('without a server the run is whole in its files, after one line; a password is nowhere', async () => {
  const server = await startServer()
  await server.kill()
  const url = `mongodb://someone:hunter2@${server.address}/organs?serverSelectionTimeoutMS=200`
  const folder = join(root, 'away')
  const { status, run, lines } = await trainHere(folder, words.slice(1), false, { mongo: parseMongoAddress(url) })
  expect(status).toBe('COMPLETED')
  const [away, missing, ...others] = lines.filter(line => line.startsWith('warning:'))
  const shown = `mongodb://${server.address}/organs`
  expect(away).toBe(
    `warning: ${shown}: connect ECONNREFUSED ${server.address}; the run goes on, what waits is tried again`,
  )
  expect(missing).toMatch(new RegExp(`^warning: ${shown}: the run, \\d+ points.* could not be sent$`))
  expect(others).toStrictEqual([])
  const [record, output] = ['run.json', 'cout.txt'].map(name => readFileSync(join(run!, name), 'utf8'))
  expect(JSON.parse(record!)).toMatchObject({ status: 'COMPLETED' })
  expect(lines.join('\n') + record + output).not.toMatch(/hunter2|someone/)
})

test.each([['--mongo_db=mongodb://user:hunter2@host:port/db'], ['-u', '-m', 'db']])(
  'train %s … is wrong input: exit 2, one line, no run',
  async (...options) => {
    const { code, stdout, stderr } = await run(['train', '-F', join(root, 'none'), ...options, ...words], root)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(stderr).toMatch(/-m/)
    expect(stderr).not.toContain('hunter2')
    expect(() => readFileSync(join(root, 'none'))).toThrow('no such file')
  },
)

test('the driver is not loaded before a run needs it', async () => {
  const script = `
    await import('./src/train/run_observers.ts')
    const { default: { _cache } } = await import('node:module')
    console.log(Object.keys(_cache).filter(path => /node_modules.(mongodb|bson)/.test(path)).length)
    await import('mongodb')
    console.log(Object.keys(_cache).filter(path => /node_modules.(mongodb|bson)/.test(path)).length > 0)`
  const words = ['--import', 'tsx', '--input-type=module', '-e', script]
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: PACKAGE_ROOT })
  expect(stdout).toBe('0\ntrue\n')
})

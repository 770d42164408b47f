import { randomBytes } from 'node:crypto'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { type Db, GridFSBucket, type ObjectId } from 'mongodb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { defaultConfig } from '../../../src/config/schema.ts'
import { addressOf, look, openRun, startServer, until } from './helpers.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mongo-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const point = (name: string, step: number, value = step / 2) => ({ name, step, value, time: 1_700_000_000_000 + step })
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

async function contentsIn(db: Db, id: ObjectId): Promise<Buffer> {
  return Buffer.concat(await new GridFSBucket(db).openDownloadStream(id).toArray())
}

/** The fields of a run, in Sacred's words. */
const FIELDS = [
  ...['_id', 'experiment', 'format', 'command', 'host', 'start_time', 'config', 'meta', 'status', 'resources'],
  ...['artifacts', 'captured_out', 'info', 'heartbeat', 'result'],
]

test('a run from its start to its end', async () => {
  const server = await startServer()
  const db = await look(server)
  const run = await openRun(addressOf(server), { id: 7 })
  expect([run.id, run.place]).toStrictEqual([7, `mongodb://${server.address}/organs run 7`])
  const started = (await db.collection('runs').findOne({}))!
  expect(Object.keys(started)).toStrictEqual(FIELDS)
  expect(started).toMatchObject({
    _id: 7,
    format: 'MongoObserver-0.7.0',
    command: 'train',
    config: defaultConfig(),
    status: 'RUNNING',
    info: {},
    meta: { command: 'train', options: { '--config': null }, named_configs: [], config_updates: { seed: 42 } },
  })
  // boards take a run for dead whose heartbeat is older than 120 s
  expect(Date.now() - started.heartbeat.getTime()).toBeLessThan(60_000)

  run.setInfo('resumed.from', { run: 3 })
  run.log(point('val.dice.left.lung', 0, Number.NaN))
  run.capture('epoch 1\n')
  run.beat(Date.now() + 1000)
  await until(async () => (await db.collection('runs').findOne({ heartbeat: { $gt: started.heartbeat } })) !== null)
  const running = (await db.collection('runs').findOne({}))!
  const [metric] = await db.collection('metrics').find().toArray()
  expect(running).toMatchObject({
    captured_out: 'epoch 1\n',
    info: { 'resumed,from': { run: 3 }, metrics: [{ name: 'val.dice.left.lung', id: metric!._id.toHexString() }] },
  })
  expect(metric).toStrictEqual({
    _id: metric!._id,
    run_id: 7,
    name: 'val.dice.left.lung',
    steps: [0],
    values: [Number.NaN],
    timestamps: [new Date(1_700_000_000_000)],
  })

  await run.finish({ status: 'COMPLETED', result: 0.25 })
  const ended = (await db.collection('runs').findOne({}))!
  expect(Object.keys(ended)).toStrictEqual([...FIELDS, 'stop_time'])
  expect(ended).toMatchObject({ status: 'COMPLETED', result: 0.25, heartbeat: ended.stop_time })
  expect(server.asked).toContain('endSessions')
})

test('sources are in GridFS under their paths, once for all runs with the same; data is named', async () => {
  const server = await startServer()
  const db = await look(server)
  const path = join(folder, 'cfg.json')
  const sourcesOf = async (id: number) =>
    (await db.collection<{ _id: number; experiment: { sources: [string, ObjectId][] } }>('runs').findOne({ _id: id }))!
      .experiment.sources
  for (const [i, text] of ['{}', '{}', '{ }'].entries()) {
    writeFileSync(path, text)
    const run = await openRun(addressOf(server), { sources: [path, folder], resources: ['/data/train.h5'] })
    await run.finish({ status: 'COMPLETED' })
    const [[name, id] = [], ...others] = await sourcesOf(i + 1)
    expect([name, others]).toStrictEqual([relative(process.cwd(), path), []])
    expect(String(await contentsIn(db, id!))).toBe(text)
  }
  expect(await sourcesOf(2)).toStrictEqual(await sourcesOf(1))
  const files = await db.collection('fs.files').find().toArray()
  expect(files.map(({ filename }) => filename)).toStrictEqual([path, path])
  expect((await db.collection('runs').findOne({}))!.resources).toStrictEqual([['/data/train.h5', '/data/train.h5']])
})

test('a failed run keeps its trace', async () => {
  const server = await startServer()
  const run = await openRun(addressOf(server))
  await run.finish({ status: 'FAILED', error: new RangeError('too many voxels') })
  const ended = (await (await look(server)).collection('runs').findOne({}))!
  expect(ended).toMatchObject({ _id: 1, status: 'FAILED', result: null })
  expect(ended.fail_trace[0]).toBe('RangeError: too many voxels\n')
})

test('an id that is taken is left alone: the run gets the next, also among runs that start at once', async () => {
  const server = await startServer()
  const db = await look(server)
  await db
    .collection<{ _id: number | string; by?: string }>('runs')
    .insertMany([{ _id: 4, by: 'another' }, { _id: 'text' }])
  const runs = await Promise.all(range(5).map(() => openRun(addressOf(server), { id: 4 })))
  expect(runs.map(({ id }) => id).sort()).toStrictEqual([5, 6, 7, 8, 9])
  for (const run of runs) await run.finish({ status: 'COMPLETED' })
  expect(await db.collection<{ _id: number }>('runs').findOne({ _id: 4 })).toStrictEqual({ _id: 4, by: 'another' })
})

test('many points go in batches, in order; adopted ones come first, with their times', async () => {
  const server = await startServer()
  const run = await openRun(addressOf(server))
  const timestamps = range(3).map(i => `2026-01-02T03:04:0${i}.250000`)
  run.adopt(new Map([['loss', { steps: [0, 1, 2], timestamps, values: [9, null, 7] }]]))
  for (const step of range(25_000)) run.log(point('loss', 3 + step))
  expect(server.asked.filter(name => name === 'update')).toStrictEqual([])
  await run.finish({ status: 'COMPLETED' })
  expect(server.asked.filter(name => name === 'update').length).toBeLessThan(8)
  const [loss, ...others] = await (await look(server)).collection('metrics').find().toArray()
  expect(others).toStrictEqual([])
  expect(loss!.steps).toStrictEqual(range(25_003))
  expect(loss!.values.slice(0, 5)).toStrictEqual([9, Number.NaN, 7, 1.5, 2])
  expect(loss!.timestamps[1]).toStrictEqual(new Date('2026-01-02T03:04:01.250Z'))
  expect(loss!.timestamps).toHaveLength(25_003)
})

test('an artifact is the file as it was when kept; the newest of a name takes the place of the one before', async () => {
  const server = await startServer()
  const db = await look(server)
  const warnings: string[] = []
  const run = await openRun(addressOf(server), { warn: line => warnings.push(line) })
  const path = join(folder, 'best_model.pth')
  const contents = randomBytes(700_000)
  writeFileSync(path, contents)
  run.keep({ name: 'best_model.pth', path })
  writeFileSync(`${path}.new`, 'another')
  renameSync(`${path}.new`, path)
  run.keep({ name: 'curves.png', bytes: Buffer.from('first'), step: 1 })
  run.keep({ name: 'absent', path: join(folder, 'absent') })
  const artifacts = async (): Promise<{ name: string; file_id: ObjectId }[]> =>
    (await db.collection('runs').findOne({}))!.artifacts
  await until(async () => (await artifacts()).length === 2)
  const [model, curves] = await artifacts()
  expect((await contentsIn(db, model!.file_id)).equals(contents)).toBe(true)
  run.keep({ name: 'curves.png', bytes: Buffer.from('second'), step: 2 })
  await run.finish({ status: 'COMPLETED' })

  const [, redrawn, ...others] = await artifacts()
  expect(others).toStrictEqual([])
  expect([redrawn!.name, String(await contentsIn(db, redrawn!.file_id))]).toStrictEqual(['curves.png', 'second'])
  const files = await db.collection('fs.files').find().toArray()
  expect(files.map(({ filename, contentType }) => [filename, contentType])).toStrictEqual([
    ['artifact://runs/1/best_model.pth', undefined],
    ['artifact://runs/1/curves.png', 'image/png'],
  ])
  expect(await db.collection('fs.chunks').countDocuments({ files_id: curves!.file_id })).toBe(0)
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toMatch(/^absent is not sent to mongodb:.*absent: cannot be read \(ENOENT/)
})

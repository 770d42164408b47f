import type { Db } from 'mongodb'
import { expect, test } from 'vitest'
import { InputError } from '../../../src/util/error.ts'
import { addressOf, look, openRun, startServer, until } from './helpers.ts'

const PATIENCE = { away: 5000, sending: 10_000 }
const point = (step: number) => ({ name: 'loss', step, value: step, time: step })
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

async function stepsIn(db: Db): Promise<number[]> {
  return (await db.collection('metrics').findOne({ name: 'loss' }))?.steps ?? []
}

test('a server that is away at the start, and comes: one warning, and it gets everything', async () => {
  const server = await startServer()
  await server.kill()
  const warnings: string[] = []
  const run = await openRun(addressOf(server), { id: 2, warn: line => warnings.push(line), patience: PATIENCE })
  expect([run.id, run.place]).toStrictEqual([undefined, `mongodb://${server.address}/organs`])
  expect(warnings).toStrictEqual([
    `mongodb://${server.address}/organs: connect ECONNREFUSED ${server.address}; the run goes on, what waits is tried again`,
  ])
  for (const step of range(6000)) run.log(point(step))
  run.keep({ name: 'curves.svg', bytes: Buffer.from('<svg/>') })
  run.beat(Date.now())
  await server.restart()
  await run.finish({ status: 'COMPLETED' })
  const db = await look(server)
  expect(await db.collection('runs').findOne({})).toMatchObject({
    _id: 2,
    status: 'COMPLETED',
    artifacts: [{ name: 'curves.svg' }],
  })
  expect(await stepsIn(db)).toStrictEqual(range(6000))
  expect(warnings).toHaveLength(1)
})

test('a server killed in the middle and started again: every point once, in order', async () => {
  const server = await startServer()
  const warnings: string[] = []
  const run = await openRun(addressOf(server), { warn: line => warnings.push(line), patience: PATIENCE })
  const db = await look(server)
  let step = 0
  const log = (count: number): void => {
    for (const end = step + count; step < end; step++) run.log(point(step))
    run.beat(Date.now())
  }
  for (const isIdle of [true, false, false]) {
    log(400)
    if (isIdle) await until(async () => (await stepsIn(db)).length === step)
    await server.kill()
    log(400)
    await server.restart()
  }
  await run.finish({ status: 'COMPLETED' })
  expect(await stepsIn(db)).toStrictEqual(range(2400))
  expect(warnings).toHaveLength(1)
})

test.each(['insert', 'update'])('an answer to %s that is lost: one run, one metric, every point once', async name => {
  const server = await startServer()
  const warnings: string[] = []
  const db = await look(server)
  server.losesAnswersTo.push(name, name, name)
  const run = await openRun(addressOf(server), { id: 1, warn: line => warnings.push(line), patience: PATIENCE })
  for (const half of [0, 1]) {
    for (const step of range(50)) run.log(point(50 * half + step))
    run.beat(Date.now())
    await until(async () => (await stepsIn(db)).length === 50 * (half + 1) || run.id === undefined)
  }
  run.keep({ name: 'a.txt', bytes: Buffer.from('text') })
  await run.finish({ status: 'COMPLETED' })
  expect(server.losesAnswersTo).toStrictEqual([])
  expect(await db.collection('runs').find().toArray()).toMatchObject([{ _id: 1, status: 'COMPLETED' }])
  expect(await db.collection('metrics').countDocuments()).toBe(1)
  expect(await stepsIn(db)).toStrictEqual(range(100))
  expect(await db.collection('fs.files').countDocuments()).toBe(1)
  expect(await db.collection('fs.chunks').countDocuments()).toBe(1)
  expect(warnings).toHaveLength(1)
})

test('a server that never comes back: what is missing is said at the end, after a bounded wait', async () => {
  const server = await startServer()
  const warnings: string[] = []
  const run = await openRun(addressOf(server), {
    warn: line => warnings.push(line),
    patience: { ...PATIENCE, away: 100 },
  })
  await server.kill()
  for (const step of range(30)) run.log(point(step))
  for (const n of range(20)) run.keep({ name: `picture_${n}.png`, bytes: Buffer.from('x') })
  await run.finish({ status: 'INTERRUPTED' })
  expect(warnings).toHaveLength(2)
  expect(warnings[0]).toMatch(/; the run goes on, what waits is tried again$/)
  expect(warnings[1]).toBe(
    `mongodb://${server.address}/organs: the run's end, 30 points, 20 artifacts could not be sent`,
  )
  await server.restart()
  const db = await look(server)
  expect(await db.collection('runs').findOne({})).toMatchObject({ status: 'RUNNING', artifacts: [] })
})

test('a metric that somebody else changed gets no more points; the others do, and the run ends well', async () => {
  const server = await startServer()
  const db = await look(server)
  const warnings: string[] = []
  const run = await openRun(addressOf(server), { warn: line => warnings.push(line), patience: PATIENCE })
  run.log(point(0))
  run.beat(Date.now())
  await until(async () => (await stepsIn(db)).length === 1)
  await db.collection('metrics').updateOne({}, { $push: { steps: 99 } as never })
  run.log(point(1))
  run.log({ ...point(2), name: 'other' })
  await run.finish({ status: 'COMPLETED' })
  expect(await stepsIn(db)).toStrictEqual([0, 99])
  expect(await db.collection('metrics').findOne({ name: 'other' })).toMatchObject({ steps: [2] })
  expect(await db.collection('runs').findOne({})).toMatchObject({ status: 'COMPLETED' })
  expect(warnings.map(line => line.replace(/^\S+ /, ''))).toStrictEqual([
    'metric loss was changed there by somebody else; the run goes on, what waits is tried again',
    '1 points could not be sent',
  ])
})

test('a URL that the driver does not take is wrong input, of which nothing is repeated', async () => {
  const open = openRun('mongodb://someone:hunter2@host/organs?nosuchoption=1')
  await expect(open).rejects.toThrow(InputError)
  await expect(open).rejects.toThrow(/^-m: this URL cannot be used(?!.*hunter2)/)
})

test('a password that is not accepted is not said', async () => {
  const server = await startServer()
  const warnings: string[] = []
  const run = await openRun(`mongodb://someone:hunter2@${server.address}/organs`, {
    warn: line => warnings.push(line),
    patience: { away: 0, sending: 0 },
  })
  await run.finish({ status: 'COMPLETED' })
  expect(warnings).toHaveLength(2)
  expect(warnings.join('\n')).not.toMatch(/hunter2|someone/)
  expect(warnings[1]).toBe(`mongodb://${server.address}/organs: the run could not be sent`)
})

// full: reads records with pymongo, Sacred and its boards
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { addressOf, look, openRun, startServer } from './helpers.ts'

const python = process.env.SADAAN_READERS
const script = fileURLToPath(new URL('./readers.py', import.meta.url))

test('pymongo, incense, sacredboard read a run, and Sacred goes on after it', async context => {
  if (!python) context.skip('SADAAN_READERS names no python with sacred, incense, sacredboard and pymongo')
  const server = await startServer()
  const run = await openRun(addressOf(server), { id: 41 })
  const picture = Buffer.from([137, 80, 78, 71])
  const weights = Buffer.alloc(600_000, 'w')
  for (const step of [0, 1, 2]) run.log({ name: 'loss', step, value: 3 - step, time: 1000 * step })
  run.log({ name: 'val.dice.liver', step: 0, value: 0.5, time: 0 })
  run.keep({ name: 'curves.png', bytes: picture })
  run.keep({ name: 'best_model.pth', bytes: weights })
  run.capture('epoch 1\n')
  await run.finish({ status: 'COMPLETED', result: 0.75 })

  const { stdout } = await promisify(execFile)(python!, [script, server.address, 'organs', '41'], {
    maxBuffer: 2 ** 24,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })
  const { with_pymongo: raw, with_incense: incense, with_sacredboard: board, with_sacred: sacred } = JSON.parse(stdout)

  expect(raw).toMatchObject({ 'type of _id': 'int', 'type of a value': 'float' })
  expect(raw.listed).toStrictEqual(['loss', 'val.dice.liver'].map(name => ({ name, id: raw['ids of metrics'][name] })))
  expect(raw.artifacts).toStrictEqual({
    'curves.png': picture.toString('hex'),
    'best_model.pth': weights.toString('hex'),
  })
  expect(raw.files).toStrictEqual(['artifact://runs/41/curves.png', 'artifact://runs/41/best_model.pth'])
  expect(raw.indexes).toStrictEqual(['_id_', 'files_id_1_n_1'])

  expect(incense).toStrictEqual({
    repr: 'Experiment(id=41, name=sadaan_hdf5)',
    'batch size': 4,
    steps: [0, 1, 2],
    values: [3, 2, 1],
    type: 'float64',
    artifacts: { 'curves.png': 'ImageArtifact', 'best_model.pth': 'Artifact' },
    picture: picture.toString('hex'),
  })

  expect(board.runs).toMatchObject({ recordsTotal: 1, data: [{ id: '41', status: 'COMPLETED', result: 0.75 }] })
  expect(board.run).toMatchObject({
    experiment_name: 'sadaan_hdf5',
    is_alive: true,
    object: { captured_out: 'epoch 1\n' },
  })
  expect(board.metric).toMatchObject({ name: 'loss', steps: [0, 1, 2], values: [3, 2, 1] })

  expect(sacred).toMatchObject({ id: 42, format: 'MongoObserver-0.7.0' })
  for (const kind of ['keys', 'keys of a metric']) expect([...raw[kind]].sort()).toStrictEqual([...sacred[kind]].sort())
  for (const kind of ['keys of experiment', 'keys of meta'])
    expect(raw[kind]).toEqual(expect.arrayContaining(sacred[kind]))
  const runs = await (await look(server)).collection<{ _id: number }>('runs').find().toArray()
  expect(runs.map(({ _id }) => _id)).toStrictEqual([41, 42])
})

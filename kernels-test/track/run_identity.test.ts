import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { RunDirectory } from '../../src/track/run_directory.ts'
import { RunRecord } from '../../src/track/run_record.ts'
import { InputError } from '../../src/util/error.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { request } from './request.ts'

const root = temporaryDirectory()

function runOf({ path }: RunDirectory): { heartbeat: string; start_time: string; meta: object } {
  return JSON.parse(readFileSync(join(path, 'run.json'), 'utf8'))
}

test('a number chosen by the user can be taken once; the next run continues from it', async () => {
  const base = join(root, 'runs')
  const run = RunDirectory.create({ ...request(base), id: 7 })!
  expect(run.path).toBe(join(base, '7'))
  expect(() => RunDirectory.create({ ...request(base), id: 7 })).toThrow(
    new InputError(`${join(base, '7')}: already exists, expected the number of a new run`),
  )
  expect(RunDirectory.create(request(base))!.id).toBe(8)
})

test('the priority is recorded if one is given', () => {
  const base = join(root, 'priorities')
  expect(runOf(RunDirectory.create({ ...request(base), priority: 2.5 })!).meta).toHaveProperty('priority', 2.5)
  expect(runOf(RunDirectory.create(request(base))!).meta).not.toHaveProperty('priority')
})

test('heartbeats come at the given interval', async () => {
  const run = RunDirectory.create(request(join(root, 'beats')))!
  const record = new RunRecord(run.id, [run], 0.05)
  await vi.waitFor(() => expect(runOf(run).heartbeat > runOf(run).start_time).toBe(true), { timeout: 600_000 })
  await record.finish({ status: 'COMPLETED' })
})

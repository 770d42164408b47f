// full: runs the table of targets
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Journal } from '../../bench/journal.ts'
import { findPythons } from '../../bench/peers/python.ts'
import { ourJson } from '../../bench/processes.ts'
import type { Outcomes } from '../../bench/targets/measurements.ts'
import { TARGET_ROWS } from '../../bench/targets/rows.ts'
import { benchTargets, type TargetReport } from '../../bench/targets/targets.ts'
import { Device } from '../../src/gpu/device.ts'
import { InputError } from '../../src/util/error.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'

const root = temporaryDirectory()
const quiet = (): void => undefined

test('some rows of the target table alone; a second run takes over what the first measured', async () => {
  const journal = join(root, 'targets.jsonl')
  const words = ['bench', 'targets', '--quick', '--json', '--journal', journal, 'objects', 'h100']
  const model = ['with', 'model.channels=[2,4,4,8,8]']
  const { lines } = await ourJson<TargetReport>('cli/main.ts', [...words, ...model])
  const device = await Device.open(process.env.SADAAN_ADAPTER)
  const { software } = device.facts
  device.close()
  expect(lines.map(({ name }) => name)).toEqual([
    'h100-step-f32',
    'h100-step-f16',
    'h100-conv3d-f32',
    'h100-conv3d-f16',
    'objects',
  ])
  expect(lines.at(-1)).toMatchObject({ target: '0', reached: '0', value: 0 })
  if (software) for (const { reason } of lines.slice(0, 4)) expect(reason).toBe('no GPU')
  const before = readFileSync(journal, 'utf8')
  const again = await ourJson<TargetReport>('cli/main.ts', [...words, '--resume', ...model])
  expect(again.lines).toEqual(lines)
  expect(readFileSync(journal, 'utf8')).toBe(before)
})

test('a row that is none is refused with the names of those that are', async () => {
  const request = { rows: ['conv4d'], words: [], quick: true, resume: false, say: quiet }
  await expect(benchTargets(request)).rejects.toThrow(InputError)
  await expect(benchTargets(request)).rejects.toThrow(
    /no row "conv4d", expected a part of one of step-1\.13, .*, bits$/,
  )
})

test('unmeasured rows give a reason, and a failed peer affects no other row', () => {
  const read = (name: string, outcomes: Outcomes): object =>
    TARGET_ROWS.find(each => each.name === name)!.read(outcomes)
  const ours = { adapter: 'a', step_s: 2, peak_bytes: 1, process_peak_bytes: 10 }
  const good = { python: 'p', torch: '1.13.1', median_s: 4, peak_bytes: 40, time_ratio: 2, memory_ratio: 0.25 }
  const failed = { python: 'q', torch: '2.13.0', failed: 'out of memory' }
  const of = (peers: object[], missing: object[] = []): Outcomes =>
    ({ original: { value: { ours, peers, missing } } }) as unknown as Outcomes
  expect(read('step-1.13', of([good, failed]))).toEqual({ value: 2, reached: '2×', met: true })
  expect(read('memory-1.13', of([good, failed]))).toEqual({ value: 0.25, reached: '0.25', met: true })
  expect(read('step-2.13', of([good, failed]))).toEqual({ reason: 'out of memory' })
  expect(read('step-2.13', of([good], [{ python: 'q', reason: 'no such file' }]))).toEqual({
    reason: 'no Python with torch 2.13 found: set SADAAN_PYTHON_2 to one; q: no such file',
  })
  expect(read('bits', { bits: { reason: 'the adapter is lost' } })).toEqual({ reason: 'the adapter is lost' })
})

test('a python that is named and does not run is said to be missing', async () => {
  const { found, missing } = await findPythons([join(root, 'no-python')])
  expect(found).toEqual([])
  expect(missing).toMatchObject([{ python: join(root, 'no-python'), reason: expect.stringMatching(/ENOENT/) }])
})

test('a journal returns measurements, neither failures nor truncated lines, and only for the same request', async () => {
  const path = join(root, 'new', 'journal.jsonl')
  const request = { steps: 3 }
  const first = Journal.open(path, request, true, quiet)
  expect(await first.once('a', async () => 1)).toBe(1)
  await expect(first.once('b', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  appendFileSync(path, '{"name":"c","value":')
  const second = Journal.open(path, request, true, quiet)
  expect(await second.once('a', () => Promise.reject(new Error('measured again')))).toBe(1)
  expect(await second.once('b', async () => 2)).toBe(2)
  expect(await second.once('c', async () => 3)).toBe(3)
  expect(() => Journal.open(path, { steps: 4 }, true, quiet)).toThrow(
    /: measured with \{"steps":3\}, expected \{"steps":4\}; omit --resume to start over$/,
  )
  const anew = Journal.open(path, request, false, quiet)
  expect(await anew.once('a', async () => 5)).toBe(5)
})

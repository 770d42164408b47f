import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type RunningBoard, startBoard } from '../../src/board/board.ts'
import { KnownFigures } from '../../src/board/records/known_figures.ts'
import { Records } from '../../src/board/records/records.ts'
import type { RunPage } from '../../src/board/wire/run.ts'
import type { RunTable } from '../../src/board/wire/runs.ts'
import { RunDirectory } from '../../src/track/run_directory.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { request } from '../track/request.ts'
import { ask, jsonOf } from './ask.ts'
import { makeResults } from './made_results.ts'

const root = temporaryDirectory()
const watched = join(root, 'watched')
const cache = join(root, 'cache')
let live: RunDirectory
let board: RunningBoard

beforeAll(async () => {
  vi.stubEnv('XDG_CACHE_HOME', cache)
  const pages = join(root, 'pages')
  for (const folder of [pages, watched]) mkdirSync(folder)
  writeFileSync(join(pages, 'index.html'), '<!doctype html>')
  await makeResults(watched)
  const ended = RunDirectory.create(request(join(watched, 'runs')))!
  for (const epoch of [0, 1]) log(ended, 'val.epoch.total_loss', 3 - epoch, epoch)
  await ended.finish({ status: 'COMPLETED', result: 2 })
  live = RunDirectory.create(request(join(watched, 'runs')))!
  logEpoch(0)
  log(live, 'train.batch.total', 1, 4)
  await Promise.resolve() // the journal is written at the end of a turn
  board = await startBoard({ folders: [watched], pages })
})
afterAll(async () => {
  await board.close()
  await live.finish({ status: 'COMPLETED' })
  vi.unstubAllEnvs()
})

function log(run: RunDirectory, name: string, value: number, step: number): void {
  run.log({ name, value, step, time: Date.UTC(2026, 0, 2) + 1000 * step })
}

/** Four batches, and the figures of their epoch. */
function logEpoch(epoch: number): void {
  for (let batch = 0; batch < 4; batch++) log(live, 'train.batch.total', 1, 4 * epoch + batch)
  const time = Date.UTC(2026, 0, 2) + 1000 * (4 * epoch + 3)
  live.log({ name: 'train.epoch.total_loss', value: 1, step: epoch, time })
}

/** Names, sizes and times of everything below a folder; a folder's time is that of its last new or renamed entry. */
function contents(of: string): string[] {
  const names = readdirSync(of, { recursive: true, encoding: 'utf8' }).sort()
  return names.map(name => `${name} ${statSync(join(of, name)).mtimeMs} ${statSync(join(of, name)).size}`)
}

/** Listens to what changes, until the first event is here. */
function firstEvent(): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = get(new URL('api/events', board.url), answer =>
      answer.once('data', (piece: Buffer) => {
        asked.destroy()
        resolve(piece.toString())
      }),
    )
    asked.on('error', reject)
  })
}

test('whatever is asked, nothing is written into what the board watches', async () => {
  const before = contents(watched)
  const { rows, results } = await jsonOf<RunTable>(board.url, '/api/runs')
  expect(rows.map(({ status }) => status)).toEqual(['COMPLETED', 'RUNNING'])
  const paths = [
    ...rows.flatMap(({ id }) => {
      const run = encodeURIComponent(id)
      return [`run?id=${run}`, `series?id=${run}`, `series?id=${run}&unit=batch&smooth=0.5`]
    }),
    ...results.flatMap(id => {
      const of = `id=${encodeURIComponent(id)}`
      const volumes = ['scan', 'truth', 'prediction'].map(layer => `volume?${of}&case=1&layer=${layer}`)
      return [`results?${of}`, `case?${of}&case=1`, `results/file?${of}&name=cases.csv`, ...volumes]
    }),
  ]
  for (const path of paths) expect((await ask(board.url, `/api/${path}`)).status, path).toBe(200)
  expect(await firstEvent()).toContain('event: open')
  expect(contents(watched)).toEqual(before)
})

test('a run tells how far its epoch is, batch by batch', async () => {
  const page = () => jsonOf<RunPage>(board.url, '/api/run?id=watched%2Fruns%2F2')
  expect((await page()).batches).toEqual({ done: 5, perEpoch: 4 })
  log(live, 'train.batch.total', 1, 5)
  await Promise.resolve()
  expect((await page()).batches).toEqual({ done: 6, perEpoch: 4 })
  expect((await jsonOf<RunPage>(board.url, '/api/run?id=watched%2Fruns%2F1')).batches).toBeUndefined()
})

/** What a board shows before it had time to read any metrics. */
function firstTable(): [scanned: boolean, loss: number | undefined][] {
  const records = new Records([watched], new KnownFigures())
  records.refresh()
  records.close()
  return records.table.rows.map(({ isScanned, bestLoss }) => [isScanned, bestLoss])
}

test('a board that starts again knows the figures of ended runs, until their metrics change', async () => {
  const records = new Records([watched], new KnownFigures())
  await records.scanned()
  records.close()
  expect(firstTable()).toEqual([
    [true, 2],
    [false, undefined],
  ])
  const metrics = join(watched, 'runs', '1', 'metrics.json')
  writeFileSync(metrics, readFileSync(metrics, 'utf8').replace('2', '1.25'))
  expect(firstTable()[0]).toEqual([false, undefined])
  writeFileSync(join(cache, 'sadaan-gpu', 'board', 'figures-1.json'), '{"half":')
  expect(firstTable()[0]).toEqual([false, undefined])
})

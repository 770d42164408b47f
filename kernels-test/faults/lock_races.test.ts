import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { temporaryDirectory } from '../data/small_dataset.ts'

const RACERS = 8
const ROUNDS = 200
const HEAD_START = 4 // ms, for the message to reach all racers

const root = temporaryDirectory()
const script = fileURLToPath(new URL('children/racer.ts', import.meta.url))
const racers = await Promise.all(Array.from({ length: RACERS }, start))
afterAll(() => {
  for (const racer of racers) racer.disconnect()
})

async function start(): Promise<ChildProcess> {
  const racer = fork(script, { execArgv: ['--import', 'tsx'] })
  await once(racer, 'message')
  return racer
}

/** The answers of all racers to one message. */
function ask(request: object | string): Promise<string[]> {
  return Promise.all(
    racers.map(async racer => {
      const answer = once(racer, 'message')
      racer.send(request)
      return (await answer)[0] as string
    }),
  )
}

/** A process that has ended, and locks that it may have left. */
const dead = spawnSync(process.execPath, ['-e', '']).pid
const lock = { pid: dead, host: hostname(), since: new Date(0).toISOString() }
const STALE: readonly (string | undefined)[] = [
  JSON.stringify(lock),
  JSON.stringify({ ...lock, process: 'an earlier boot 1' }),
  JSON.stringify(lock).slice(0, 9),
  '',
  undefined,
]

test(`${RACERS} processes at one stale lock, ${ROUNDS} times: one takes it, the others are refused`, async () => {
  const wrong: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const folder = join(root, String(round))
    mkdirSync(folder)
    const stale = STALE[round % STALE.length]
    if (stale !== undefined) writeFileSync(join(folder, '.lock'), stale)
    const answers = await ask({ folder, at: Date.now() + HEAD_START })
    const owners = answers.filter(answer => answer === 'owner').length
    const others = answers.filter(answer => answer !== 'owner' && answer !== 'refused')
    if (owners !== 1 || others.length > 0)
      wrong.push(`round ${round} (${stale}): ${owners} owners ${others.join('; ')}`)
    await ask('release')
    const left = readdirSync(folder)
    if (left.length > 0) wrong.push(`round ${round} (${stale}): left ${left}`)
  }
  expect(wrong).toEqual([])
})

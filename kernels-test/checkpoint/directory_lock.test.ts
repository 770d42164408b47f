import { execFileSync, fork, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DirectoryLock, refuseIfHeld } from '../../src/checkpoint/directory_lock.ts'
import { InputError } from '../../src/util/error.ts'
import { BUILT } from '../cli/program.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'

const root = temporaryDirectory()
let count = 0
let folder = ''
beforeEach(() => {
  folder = join(root, String(++count))
  for (const name of ['SLURM_JOB_ID', 'SLURM_RESTART_COUNT']) vi.stubEnv(name, undefined)
})
afterEach(() => vi.unstubAllEnvs())

const path = () => join(folder, '.lock')
const held = () => JSON.parse(readFileSync(path(), 'utf8')) as Record<string, unknown>

function leave(holder: Record<string, unknown> | string): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(path(), typeof holder === 'string' ? holder : JSON.stringify(holder))
}

/** A process that runs until the test ends it. */
async function otherProcess(): Promise<{ pid: number; end(): Promise<unknown> }> {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)'])
  await once(child.stdout, 'data')
  const end = () => {
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    return exit
  }
  return { pid: child.pid!, end }
}

test('makes the folder, refuses a second holder with one line, and leaves nothing when released', () => {
  const lock = DirectoryLock.take(folder)
  expect(held()).toMatchObject({ pid: process.pid, host: hostname() })
  expect(() => DirectoryLock.take(folder)).toThrow(InputError)
  expect(() => refuseIfHeld(folder)).toThrow(
    new RegExp(
      `^${folder}: in use by another training, process ${process.pid} on ${hostname()} since \\S+; expected another checkpoint.save_dir$`,
    ),
  )
  lock.release()
  expect(readdirSync(folder)).toEqual([])
  refuseIfHeld(folder)
  DirectoryLock.take(folder).release()
})

test('a process that lives holds it; once it is dead its lock and its half-written files are taken over', async () => {
  const other = await otherProcess()
  const since = new Date().toISOString()
  leave({ pid: other.pid, host: hostname(), since })
  writeFileSync(join(folder, '.last.pth.4711.tmp'), 'half')
  writeFileSync(join(folder, 'last.pth'), 'whole')
  expect(() => DirectoryLock.take(folder)).toThrow(`process ${other.pid} on ${hostname()} since ${since}`)
  expect(readdirSync(folder)).toContain('.last.pth.4711.tmp')
  await other.end()
  const lock = DirectoryLock.take(folder)
  expect(readdirSync(folder).sort()).toEqual(['.lock', 'last.pth'])
  lock.release()
})

test('a number that another process has by now is not the one that took the lock', ctx => {
  if (process.platform !== 'linux') ctx.skip('the start of a process is read as on Linux')
  DirectoryLock.take(folder)
  leave({ ...held(), process: 'another boot 12345' })
  DirectoryLock.take(folder).release()
})

test('where the system tells no processes apart, one that started after the lock is not the one that took it', async ctx => {
  if (process.platform === 'win32' || !existsSync('/bin/ps')) ctx.skip('needs ps')
  const other = await otherProcess()
  const now = new Date()
  leave({ pid: other.pid, host: hostname(), since: now.toISOString() })
  expect(() => DirectoryLock.take(folder)).toThrow(`; if that training is gone, remove ${path()}`)
  leave({ pid: other.pid, host: hostname(), since: new Date(now.getTime() - 3_600_000).toISOString() })
  DirectoryLock.take(folder).release()
  await other.end()
})

test("another host's lock is refused with the way out, unless it is of an earlier start of this Slurm job", () => {
  const holder = { pid: 1, host: 'elsewhere', since: '2026-01-01T00:00:00.000Z', job: '17', restarts: '0' }
  leave(holder)
  expect(() => DirectoryLock.take(folder)).toThrow(
    `process 1 on elsewhere since ${holder.since}; expected another checkpoint.save_dir; if that training is gone, remove ${path()}`,
  )
  vi.stubEnv('SLURM_JOB_ID', '18')
  expect(() => DirectoryLock.take(folder)).toThrow(InputError)
  vi.stubEnv('SLURM_JOB_ID', '17')
  expect(() => DirectoryLock.take(folder)).toThrow(InputError) // a second step of the job, not requeued
  vi.stubEnv('SLURM_RESTART_COUNT', '1')
  const lock = DirectoryLock.take(folder)
  expect(held()).toMatchObject({ job: '17', restarts: '1' })
  lock.release()
})

test('a lock that a kill cut short holds nothing', () => {
  leave('{"pid": 1')
  DirectoryLock.take(folder).release()
  expect(existsSync(path())).toBe(false)
})

test('a file where the folder should be, or above it, is wrong input', () => {
  writeFileSync(folder, 'a file')
  for (const path of [folder, join(folder, 'below')]) {
    expect(() => refuseIfHeld(path)).toThrow(new InputError(`${path}: not a folder, expected one for checkpoints`))
    expect(() => DirectoryLock.take(path)).toThrow(InputError)
  }
})

const NO_LOCKS: Record<string, [make: (path: string) => void, found: string]> = {
  'a folder': [path => mkdirSync(path), 'a folder'],
  'a link to nowhere': [path => symlinkSync('/nowhere', path), 'not a regular file'],
  'an object without a holder': [path => writeFileSync(path, '{}'), 'a file of another kind'],
  'a holder without a number': [
    path => writeFileSync(path, '{"pid":"1","host":"a","since":"b"}'),
    'a file of another kind',
  ],
  null: [path => writeFileSync(path, 'null'), 'a file of another kind'],
  'the lock of another program': [path => writeFileSync(path, '4711\n'), 'a file of another kind'],
  'a text': [path => writeFileSync(path, 'locked by hand'), 'a file of another kind'],
}

test.each(Object.keys(NO_LOCKS))('%s in place of the lock is left alone and gets its line', name => {
  mkdirSync(folder)
  const [make, found] = NO_LOCKS[name]!
  make(path())
  const line = `${path()}: ${found}, expected the lock of a training; if no training uses this folder, remove it or set another checkpoint.save_dir`
  expect(() => refuseIfHeld(folder)).toThrow(new InputError(line))
  expect(() => DirectoryLock.take(folder)).toThrow(new InputError(line))
  expect(readdirSync(folder)).toEqual(['.lock'])
})

test('a named pipe in place of the lock does not block', ctx => {
  if (process.platform === 'win32') ctx.skip('Windows has no named pipes in folders')
  mkdirSync(folder)
  execFileSync('mkfifo', [path()])
  expect(() => DirectoryLock.take(folder)).toThrow(/\.lock: not a regular file, expected the lock of a training; /)
})

test('a lock that cannot be read holds the folder', ctx => {
  if (process.getuid?.() === 0 || process.platform === 'win32') ctx.skip('nothing is unreadable here')
  leave('{}')
  chmodSync(path(), 0)
  expect(() => DirectoryLock.take(folder)).toThrow(/\.lock: cannot be read \(EACCES/)
})

test('a process that dies while it takes a lock over leaves a chain, whose last link counts', async () => {
  const [dead, other] = await Promise.all([otherProcess(), otherProcess()])
  await dead.end()
  const since = new Date().toISOString()
  leave({ pid: dead.pid, host: hostname(), since })
  DirectoryLock.take(folder) // kept, as by a process that dies: the next head is its own
  const successor = held()
  expect(readdirSync(folder)).toEqual(['.lock'])

  // the state between the two steps of that takeover: a link beside the old head
  const old = JSON.stringify({ pid: dead.pid, host: hostname(), since })
  const beside = join(folder, `.lock.${createHash('sha256').update(old).digest('hex').slice(0, 16)}`)
  leave(old)
  writeFileSync(beside, JSON.stringify({ ...successor, pid: other.pid, process: undefined }))
  expect(() => DirectoryLock.take(folder)).toThrow(`in use by another training, process ${other.pid} on`)
  await other.end()
  const lock = DirectoryLock.take(folder)
  expect(held().pid).toBe(process.pid)
  expect(readdirSync(folder)).toEqual(['.lock'])
  lock.release()
})

const PROCESSES = 8
const ROUNDS = 200

test(`of ${PROCESSES} processes that race for a stale lock one gets it, ${ROUNDS} times`, async () => {
  const dead = await otherProcess()
  await dead.end()
  const racer = fileURLToPath(new URL('children/lock_racer.mjs', import.meta.url))
  const module = pathToFileURL(join(BUILT, 'src/checkpoint/directory_lock.js')).href
  const racers = Array.from({ length: PROCESSES }, () => fork(racer, [module], { execArgv: [] }))
  const answers = () => Promise.all(racers.map(each => once(each, 'message').then(([answer]) => answer)))
  const refusal = /: in use by another training, process \d+ on /
  try {
    await answers()
    for (let round = 0; round < ROUNDS; round++) {
      const raced = join(folder, String(round))
      mkdirSync(raced, { recursive: true })
      writeFileSync(join(raced, '.lock'), JSON.stringify({ pid: dead.pid, host: hostname(), since: 'then' }))
      const answered = answers()
      for (const each of racers) each.send(raced)
      const refused = (await answered).filter(answer => answer !== null)
      expect(refused).toEqual(Array(PROCESSES - 1).fill(expect.stringMatching(refusal)))
      expect(readdirSync(raced)).toEqual(['.lock'])
    }
  } finally {
    for (const each of racers) each.kill()
  }
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DirectoryLock, refuseIfHeld } from '../../src/checkpoint/directory_lock.ts'
import { InputError } from '../../src/util/error.ts'
import { WriteError } from '../../src/util/whole_file.ts'
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

test('a folder that cannot be made is an error with path and reason', () => {
  writeFileSync(folder, 'a file')
  expect(() => DirectoryLock.take(folder)).toThrow(WriteError)
  expect(() => DirectoryLock.take(folder)).toThrow(/\.lock: cannot be written \(E/)
})

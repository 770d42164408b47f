import { spawn } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { basename } from 'node:path'
import { readText, writing } from '../../src/util/whole_file.ts'
import { ChildError } from '../processes.ts'
import { TreeMemory } from './tree_memory.ts'

const LONGEST_RESULT = 2 ** 20 // characters of the last line

/** A program to run in a process group of its own. */
export interface Job {
  program: string
  parameters: readonly string[]
  environment?: NodeJS.ProcessEnv
  /** takes everything that it prints */
  log: string
  /** ends it */
  stop: AbortSignal
}

/** What a program printed in its last line, and what it took. */
export interface JobResult<T> {
  value: T
  /** when the process was started, ms since 1970 */
  started: number
  /** wall clock, from start to end of the process */
  seconds: number
  /** of the process and its descendants; null where it cannot be measured */
  peak_bytes: number | null
}

/** The run was told to stop; whatever is finished is kept. */
export class StoppedError extends Error {
  override name = 'StoppedError'
}

/** Runs a program that prints JSON in its last line. Throws ChildError if it fails, StoppedError if it was stopped. */
export async function runJob<T>({ program, parameters, environment, log, stop }: Job): Promise<JobResult<T>> {
  if (stop.aborted) throw new StoppedError('stopped')
  const file = writing(log, () => openSync(log, 'a'))
  try {
    const started = Date.now()
    const clock = performance.now()
    const child = spawn(program, parameters, {
      env: environment ?? process.env,
      stdio: ['ignore', 'pipe', file],
      detached: process.platform !== 'win32', // a group, so that its own processes end with it
    })
    const end = (): void => endGroup(child.pid)
    stop.addEventListener('abort', end)
    const memory = child.pid === undefined ? undefined : new TreeMemory(child.pid)
    let tail = ''
    child.stdout!.on('data', (data: Buffer) => {
      writing(log, () => writeSync(file, data))
      tail = `${tail}${data}`.slice(-LONGEST_RESULT)
    })
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', error => reject(new ChildError(error.message)))
      child.on('close', resolve)
    }).finally(() => {
      memory?.stop()
      stop.removeEventListener('abort', end)
    })
    const seconds = (performance.now() - clock) / 1000
    if (stop.aborted) throw new StoppedError('stopped')
    if (code !== 0)
      throw new ChildError(`${basename(program)} ended with ${code}: ${lastLineOf(log)} (all of it: ${log})`)
    return {
      value: parsed<T>(tail.trimEnd().split('\n').at(-1)!, program, log),
      started,
      seconds,
      peak_bytes: memory?.peak ?? null,
    }
  } finally {
    closeSync(file)
  }
}

function lastLineOf(log: string): string {
  return readText(log).trimEnd().split('\n').at(-1)!
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGTERM')
  } catch {
    // it has ended
  }
}

function parsed<T>(line: string, program: string, log: string): T {
  try {
    return JSON.parse(line) as T
  } catch {
    throw new ChildError(`${basename(program)}: expected JSON in its last line, see ${log}`)
  }
}

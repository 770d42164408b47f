import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { InputError } from '../util/error.ts'
import { makeFolders } from '../util/files/folder.ts'
import { WriteError } from '../util/whole_file.ts'

/** The process that holds a directory. */
interface Holder {
  pid: number
  host: string
  /** when it took the lock */
  since: string
  /** distinguishes the process from an earlier one with the same pid, if the system provides it */
  process?: string
  /** Slurm job, and how often it was requeued */
  job?: string
  restarts?: string
}

/** Reserves a checkpoint directory for one training, so that two never write the same files. */
export class DirectoryLock {
  private readonly path: string
  private readonly text: string
  private readonly atExit = (): void => this.release()

  private constructor(path: string, text: string) {
    this.path = path
    this.text = text
    process.on('exit', this.atExit)
  }

  /**
   * Creates the directory if necessary and locks it. Replaces the lock of a dead process and removes its half-written files.
   * Throws InputError if another training holds the directory, WriteError if it is not writable.
   */
  static take(directory: string): DirectoryLock {
    const path = pathOf(directory)
    const text = JSON.stringify(thisProcess())
    try {
      makeFolders(directory)
      // A loop, because another process may replace the stale lock first.
      while (!isCreated(path, text)) {
        refuseIfHeld(directory)
        removeStale(path)
      }
      for (const name of readdirSync(directory))
        if (/^\..*\.pth\.\d+\.tmp$/.test(name)) rmSync(join(directory, name), { force: true })
    } catch (error) {
      if (error instanceof InputError) throw error
      throw WriteError.at(path, error)
    }
    return new DirectoryLock(path, text)
  }

  release(): void {
    process.off('exit', this.atExit)
    if (textOf(this.path) === this.text) rmSync(this.path, { force: true })
  }
}

/** Throws InputError, which names the holder, if another training holds the directory. */
export function refuseIfHeld(directory: string): void {
  const path = pathOf(directory)
  const holder = read(path)
  if (!holder || isGone(holder)) return
  const { pid, host, since } = holder
  const other = host === hostname() ? '' : `; if that training is gone, remove ${path}`
  throw new InputError(
    `${directory}: in use by another training, process ${pid} on ${host} since ${since}; expected another checkpoint.save_dir${other}`,
  )
}

function pathOf(directory: string): string {
  return join(directory, '.lock')
}

function isCreated(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Renames the lock before removing it: of two processes only one can rename it, and neither removes the other's new lock. */
function removeStale(path: string): void {
  const before = textOf(path)
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (textOf(aside) === before) rmSync(aside, { force: true })
  else renameSync(aside, path)
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Undefined if there is no lock, or only an incomplete one left by a kill. */
function read(path: string): Holder | undefined {
  for (const wait of [50, 0]) {
    const text = textOf(path)
    if (text === undefined) return undefined
    try {
      return JSON.parse(text) as Holder
    } catch {
      // Another process may be writing it right now.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, wait)
    }
  }
  return undefined
}

function thisProcess(): Holder {
  const { SLURM_JOB_ID: job, SLURM_RESTART_COUNT: restarts = '0' } = process.env
  const started = identityOf(process.pid)
  return {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    ...(started === undefined ? {} : { process: started }),
    ...(job === undefined ? {} : { job, restarts }),
  }
}

/** Whether the process ran on this host and has ended, or belonged to an earlier start of this Slurm job: Slurm ends a job before requeueing it. */
function isGone({ pid, host, process: identity, job, restarts }: Holder): boolean {
  const here = thisProcess()
  if (job !== undefined && job === here.job && restarts !== here.restarts) return true
  if (host !== here.host) return false
  if (identity !== undefined && here.process !== undefined) return identityOf(pid) !== identity
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** Linux: boot id and the clock tick at which the process started. Undefined on other systems and if there is no such process. */
function identityOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${started}`
  } catch {
    return undefined
  }
}

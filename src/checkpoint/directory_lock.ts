import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { InputError } from '../util/error.ts'
import { WriteError } from '../util/whole_file.ts'

/** Who holds a directory. */
interface Holder {
  pid: number
  host: string
  /** when it took the lock */
  since: string
  /** tells a process from an earlier one of the same number, where the system says it */
  process?: string
  /** Slurm's job, and how often it was requeued */
  job?: string
  restarts?: string
}

/** Holds a directory of checkpoints for one training, so that two never write the same files. */
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
   * Makes the directory where there is none and takes it. What a dead process left is taken over: its lock and its half-written files.
   * Throws InputError when another training has it, WriteError when nothing can be written there.
   */
  static take(directory: string): DirectoryLock {
    const path = pathOf(directory)
    const text = JSON.stringify(thisProcess())
    try {
      mkdirSync(directory, { recursive: true })
      // a loop: another process may be quicker in taking what is stale
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

/** Throws InputError, which names the holder, when another training has the directory. */
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

/** Moved away before it is removed: of two processes only one can move it, and none removes what the other has just made. */
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

/** Undefined where there is no lock, or one that a kill cut short. */
function read(path: string): Holder | undefined {
  for (const wait of [50, 0]) {
    const text = textOf(path)
    if (text === undefined) return undefined
    try {
      return JSON.parse(text) as Holder
    } catch {
      // it may be being written just now
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

/** A process of this host that has ended, or of an earlier start of this Slurm job, which ends all of it before it starts it again. */
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

/** Linux: boot and the clock tick within it at which the process started; undefined elsewhere, and where there is no such process. */
function identityOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${started}`
  } catch {
    return undefined
  }
}

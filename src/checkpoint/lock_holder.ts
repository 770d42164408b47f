import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { isRunning } from '../util/whole_file.ts'
import { processStart } from './process_start.ts'

/** Milliseconds by which a clock may have been set back between the start of a process and its lock. */
const CLOCK_STEP = 5000

/** The process that holds a directory. */
export interface Holder {
  pid: number
  host: string
  /** when it took the lock */
  since: string
  /** makes the text of each lock unique; missing in locks of earlier versions */
  lock?: string
  /** distinguishes the process from an earlier one with the same pid, if the system provides it */
  process?: string
  /** Slurm job, and how often it was requeued */
  job?: string
  restarts?: string
}

/** This process, as the holder of a new lock. */
export function thisProcess(): Holder {
  const { SLURM_JOB_ID: job, SLURM_RESTART_COUNT: restarts = '0' } = process.env
  const started = identityOf(process.pid)
  return {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
    lock: randomUUID(),
    ...(started === undefined ? {} : { process: started }),
    ...(job === undefined ? {} : { job, restarts }),
  }
}

/** The holder that the text of a lock names. Undefined if a kill cut the text short, null if it is another kind of file. */
export function holderIn(text: string): Holder | null | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return /^\s*(\{|$)/.test(text) ? undefined : null
  }
  const { pid, host, since } = (value ?? {}) as Partial<Holder>
  const isHolder = Number.isSafeInteger(pid) && pid! > 0 && typeof host === 'string' && typeof since === 'string'
  return isHolder ? (value as Holder) : null
}

/**
 * Whether the process ran on this host and has ended, or belonged to an earlier start of this Slurm job: Slurm ends a job before requeueing it.
 * A process of this number that started after the lock was taken is another one.
 */
export function isGone({ pid, host, since, process: identity, job, restarts }: Holder): boolean {
  const here = thisProcess()
  if (job !== undefined && job === here.job && restarts !== here.restarts) return true
  if (host !== here.host) return false
  if (identity !== undefined && here.process !== undefined) return identityOf(pid) !== identity
  if (!isRunning(pid)) return true
  const started = processStart(pid)
  return started !== undefined && started > Date.parse(since) + CLOCK_STEP
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

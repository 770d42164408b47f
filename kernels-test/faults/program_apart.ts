import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { launchResident, type Resident, runResident } from '../cli/resident.ts'
import { outOfPatience } from './patience.ts'

export interface Ended {
  /** as a process ends; 'died' with an error that nobody caught, 'hangs' if it had to be ended */
  code: number | 'died' | 'hangs'
  stderr: string
  stdout: string
  /** bytes by which the memory of the process grew at most; 0 where the system does not tell */
  grown: number
}

/** The program in a process of a test's own, which may damage it: one that dies or hangs is replaced. */
export class ProgramApart {
  private readonly environment: NodeJS.ProcessEnv
  private readonly longest: number
  private readonly mostKept: number
  private resident: Resident | undefined
  private closed: Promise<unknown> | undefined
  private dying = ''

  /**
   * A command that takes more than `longest` milliseconds of processor time hangs (`outOfPatience`). A process that took more than `mostKept` bytes is replaced as well: what it
   * still holds would count for the next command.
   */
  constructor(longest: number, environment: NodeJS.ProcessEnv = {}, mostKept = Number.POSITIVE_INFINITY) {
    this.longest = longest
    this.mostKept = mostKept
    this.environment = { ...process.env, ...environment, SADAAN_DEBUG: '', NODE_OPTIONS: '' }
  }

  async run(words: readonly string[], folder: string): Promise<Ended> {
    const { child, socket } = await this.started()
    this.dying = ''
    forgetPeak(child.pid!)
    const before = peakOf(child.pid!)
    const limit = new AbortController()
    const late = outOfPatience(child.pid!, this.longest, limit.signal)
    const said = (await Promise.race([runResident(words, folder, this.environment, socket), late])) ?? 'hangs'
    limit.abort()
    const peak = peakOf(child.pid!)
    const grown = Math.max(peak - before, 0)
    const isAlive = said !== 'hangs' && said.code !== null
    if (!isAlive || peak > this.mostKept) await this.end()
    if (isAlive) return { ...said, code: said.code!, grown }
    return { code: said === 'hangs' ? 'hangs' : 'died', stdout: '', stderr: this.dying, grown }
  }

  /** Starts the process, so that the next command need not. */
  async started(): Promise<Resident> {
    if (this.resident) return this.resident
    const resident = await launchResident({ env: this.environment, silent: true })
    resident.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.dying += text
    })
    // by then it has said all it had to say
    this.closed = once(resident.child, 'close')
    this.resident = resident
    return resident
  }

  async end(): Promise<void> {
    const { resident } = this
    this.resident = undefined
    if (!resident) return
    resident.child.kill('SIGKILL')
    await this.closed
    resident.end()
  }
}

/** Linux: the peak starts anew. */
export function forgetPeak(pid: number): void {
  if (process.platform === 'linux') writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

export function peakOf(pid: number): number {
  if (process.platform !== 'linux') return 0
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kilobytes ?? 0) * 1024
  } catch {
    return 0 // it has died
  }
}

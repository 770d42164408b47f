import { type ChildProcess, spawn } from 'node:child_process'
import { type Command, Option } from 'commander'
import type { Config } from '../../src/config/schema.ts'
import { launchOf } from '../../src/distributed/launcher.ts'
import { findMpirun } from '../../src/distributed/mpirun.ts'
import { listAdapters } from '../../src/gpu/adapter.ts'
import { CHOSEN_ADAPTERS, checkRanksFit, slotsOf } from '../../src/run/rank_adapter.ts'
import { InputError } from '../../src/util/error.ts'
import { descendantsOf, isAlive } from '../../src/util/system/processes.ts'
import { say } from '../console/say.ts'
import { configurationOf } from '../options.ts'
import { isUnderNohup } from './nohup.ts'

/** Codes of ranks that have done what they should: 0, or stopped by a signal and saved. */
const SAVED = [0, 75, 129, 130, 143]
/** ms between looks for the ranks' processes, until all are known */
const LOOKS = 500
/** How the program begins a line about why it ends. */
const OWN_LINE = /^sadaan-gpu: /

/** `--gpus` of a command that ranks can share. */
export function gpusOption(): Option {
  return new Option(
    '--gpus <which>',
    'run as MPI ranks on this machine, one for each GPU: all, how many (2), or which (0,1)',
  )
}

/**
 * The action of a command with `gpusOption`: the ranks run it where that is given, else this process. `configure` says which configuration its words
 * and options make.
 */
export function orInRanks<Options extends { config?: string }>(
  action: (words: string[], options: Options, command: Command) => Promise<void>,
  configure: (words: readonly string[], options: Options) => { config: Config } = configurationOf,
): (words: string[], options: Options & { gpus?: string }, command: Command) => Promise<void> {
  return async (words, options, command) => {
    const { gpus } = options
    const code = gpus === undefined ? undefined : await startRanks(gpus, configure(words, options).config)
    if (code === undefined) return action(words, options, command)
    process.exitCode = code
  }
}

/**
 * `--gpus all`, `--gpus 2` (how many) or `--gpus 0,1` (which): has mpirun start this command anew as ranks on this machine, and returns its exit
 * code. Undefined if one process is enough, which is then this one.
 * @throws InputError if the value is none of these, there are fewer adapters, or MPI or koffi is missing
 */
async function startRanks(gpus: string, config: Config): Promise<number | undefined> {
  if ((launchOf(process.env)?.size ?? 1) > 1)
    throw new InputError('--gpus starts mpirun, which has started this process already: leave it out')
  const { count, environment } = await ranksFor(gpus)
  if (count === 1) return undefined
  const { program, options } = findMpirun()
  await checkRanksFit(count, config, { ...process.env, ...environment })
  const command = [process.execPath, ...process.execArgv, process.argv[1]!, ...wordsWithoutGpus(process.argv.slice(2))]
  // of its own session: a terminal's Ctrl-C would have mpirun kill the ranks before they have saved
  const child = spawn(program, [...options, '-n', String(count), ...command], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  forwardSignals(child)
  return new Ending(child, count).code
}

async function ranksFor(gpus: string): Promise<{ count: number; environment: Record<string, string> }> {
  if (/^\d+(,\d+)+$/.test(gpus)) return { count: gpus.split(',').length, environment: { [CHOSEN_ADAPTERS]: gpus } }
  if (/^[1-9]\d{0,3}$/.test(gpus)) return { count: Number(gpus), environment: {} }
  if (gpus !== 'all') throw new InputError(`--gpus ${gpus}: expected all, how many (2), or which (0,1)`)
  const slots = slotsOf(await listAdapters(), process.env)
  if (slots.every(({ isSoftware }) => isSoftware))
    throw new InputError(
      '--gpus all: there is no GPU; ranks share the software adapter with --gpus 2 and compute.share_adapters=True',
    )
  return { count: slots.length, environment: {} }
}

function wordsWithoutGpus(words: readonly string[]): string[] {
  return words.filter((word, i) => !word.startsWith('--gpus') && words[i - 1] !== '--gpus')
}

/** Signals reach all ranks: those that train together stop at the same update, others each after its own. mpirun itself would kill them soon after. */
function forwardSignals(child: ChildProcess): void {
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGUSR1'] as const)
    process.on(signal, () => {
      if (signal === 'SIGHUP' && isUnderNohup()) return
      const ranks = [...ranksOf(child).values()]
      if (ranks.length === 0) child.kill(signal)
      for (const pid of ranks) if (isAlive(pid)) process.kill(pid, signal)
    })
}

/** Rank → process. Children of ranks have their environment too; they come later. */
function ranksOf({ pid }: ChildProcess): Map<number, number> {
  const ranks = new Map<number, number>()
  for (const { pid: process, environment } of descendantsOf(pid!)) {
    const rank = environment.get('OMPI_COMM_WORLD_RANK') ?? environment.get('PMI_RANK')
    if (rank !== undefined && !ranks.has(Number(rank))) ranks.set(Number(rank), process)
  }
  return ranks
}

/** Passes on what mpirun and the ranks say, and sees to it that the last line says why they ended. */
class Ending {
  readonly code: Promise<number>
  private readonly ranks = new Map<number, number>()
  private lastLine = ''
  /** the last line of ours */
  private told: string | undefined
  /** a rank that was killed, as mpirun says it */
  private killed: string | undefined
  private lostProcess: { pid: number; host: string } | undefined

  constructor(child: ChildProcess, count: number) {
    const looking = setInterval(() => {
      for (const [rank, pid] of ranksOf(child)) this.ranks.set(pid, rank)
      if (this.ranks.size >= count) clearInterval(looking)
    }, LOOKS)
    for (const name of ['stdout', 'stderr'] as const) {
      let rest = ''
      child[name]!.setEncoding('utf8').on('data', (text: string) => {
        process[name].write(text)
        const lines = (rest + text).split(/[\r\n]+/)
        rest = lines.pop()!
        for (const line of lines.filter(each => each.trim() !== '')) this.heed(line)
      })
    }
    this.code = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        clearInterval(looking)
        resolve(this.end(code, signal))
      })
    })
  }

  private heed(line: string): void {
    this.lastLine = line
    if (OWN_LINE.test(line)) this.told = line
    const openMpi = /process rank (\d+) with PID \d+ on node (\S+) exited on signal (\d+)/.exec(line)
    if (openMpi) this.killed = `rank ${openMpi[1]} on ${openMpi[2]} was ended by signal ${openMpi[3]}`
    const mpich = /\bPID (\d+) RUNNING AT (\S+)/.exec(line)
    if (mpich) this.lostProcess = { pid: Number(mpich[1]), host: mpich[2]! }
    const code = /\bEXIT CODE: (\d+)/.exec(line)?.[1]
    if (code === undefined || !this.lostProcess) return
    const { pid, host } = this.lostProcess
    this.killed = `rank ${this.ranks.get(pid) ?? '?'} on ${host} (process ${pid}) has died, code ${code}`
  }

  private end(code: number | null, signal: NodeJS.Signals | null): number {
    if (code !== null && SAVED.includes(code)) return code
    const reason = this.killed ?? `mpirun ended by ${signal ?? `code ${code}`}`
    const last = this.told ?? `sadaan-gpu: ${reason}`
    if (this.lastLine !== last) say(last)
    return code === 2 ? 2 : 1
  }
}

import { execFile } from 'node:child_process'
import { defaultConfig } from '../../src/config/schema.ts'
import { exchangeSpeed } from '../../src/distributed/exchange_speed.ts'
import { findMpirun } from '../../src/distributed/mpirun.ts'
import type { Ranks } from '../../src/distributed/ranks.ts'
import { openAdapter } from '../../src/gpu/adapter.ts'
import { adapterOfRank } from '../../src/run/rank_adapter.ts'
import { messageOf } from '../../src/util/error.ts'

/** ms: a launcher that has not started two ranks by then never will */
const HANGS = 60_000

/** What doctor says about MPI. */
export interface MpiFinding {
  works: boolean
  /** the library and its speed, or what is missing */
  text: string
}

/** Started by mpirun: how fast the ranks exchange, and which adapter each gets. */
export async function examineRanks(ranks: Ranks, json: boolean): Promise<void> {
  const { seconds, gigabytesPerSecond } = await exchangeSpeed(ranks)
  const adapters = await ranks.gatherValues(await adapterText(ranks))
  if (ranks.rank > 0) return
  const text = `${ranks.library}: ${ranks.size} ranks sum 64 MiB in ${seconds.toFixed(3)} s, ${gigabytesPerSecond.toFixed(2)} GB/s`
  const members = ranks.members.map(({ rank, host }) => ({ rank, host, adapter: adapters[rank]! }))
  const mpi: MpiFinding = { works: true, text }
  if (json) process.stdout.write(`${JSON.stringify({ mpi, ranks: members })}\n`)
  else {
    const lines = members.map(({ rank, host, adapter }) => `rank ${rank} on ${host}: ${adapter}`)
    process.stdout.write(`${[`mpi: ${text}`, ...lines].join('\n')}\n`)
  }
}

async function adapterText(ranks: Ranks): Promise<string> {
  try {
    const { name } = await openAdapter(await adapterOfRank(ranks, defaultConfig()))
    return name
  } catch (error) {
    return `none: ${messageOf(error)}`
  }
}

/** Started without mpirun: whether two ranks of this machine can exchange. */
export async function examineMpi(): Promise<MpiFinding> {
  try {
    const { program, options } = findMpirun()
    const words = [...options, '-n', '2', process.execPath, ...process.execArgv, process.argv[1]!, 'doctor', '--json']
    const { mpi } = JSON.parse(await outputOf(program, words)) as { mpi: MpiFinding }
    return mpi
  } catch (error) {
    return { works: false, text: messageOf(error) }
  }
}

function outputOf(program: string, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, words, { timeout: HANGS }, (error, stdout, stderr) => {
      if (error) reject(new Error(lineOf(stderr) ?? messageOf(error)))
      else resolve(stdout)
    })
  })
}

/** What a rank of ours has said, or else the launcher. */
function lineOf(stderr: string): string | undefined {
  const lines = stderr.split('\n').filter(line => line.trim() !== '')
  return lines.find(line => line.startsWith('sadaan-gpu: ')) ?? lines[0]
}

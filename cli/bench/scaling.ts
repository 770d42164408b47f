import { Command } from 'commander'
import { launchOf } from '../../src/distributed/launcher.ts'
import type { Ranks } from '../../src/distributed/ranks.ts'
import { InputError } from '../../src/util/error.ts'
import { say } from '../console/say.ts'
import { collect, configurationOf, countOption, withConfiguration } from '../options.ts'
import { asRank } from '../process/ranks.ts'

interface ScalingOptions {
  config?: string
  ranks: number
  steps: number
  python: string[]
  json?: boolean
}

/** `bench scaling`: ranks of this machine beside torch's. */
export function makeScalingCommand(): Command {
  return withConfiguration(new Command('scaling'))
    .description(
      'time updates of one rank and of several on this machine, the exchange of gradients, and the same with DistributedDataParallel of torch',
    )
    .option('--ranks <n>', 'number of ranks', countOption, 2)
    .option('--steps <n>', 'number of timed updates', countOption, 5)
    .option('--python <path>', 'a Python with torch, as for bench peers; repeatable', collect, [])
    .option('--json', 'print one JSON object')
    .action((words, options) => asRank(ranks => runScaling(ranks, words, options)))
}

/** Under mpirun it is one of the ranks that are measured. */
async function runScaling(ranks: Ranks, words: string[], { json, ...options }: ScalingOptions): Promise<void> {
  if (options.ranks < 2) throw new InputError(`--ranks ${options.ranks}: expected at least 2`)
  if (options.steps < 1) throw new InputError(`--steps ${options.steps}: expected at least 1`)
  const { workloadOf } = await import('../../bench/workload.ts')
  const workload = await workloadOf(configurationOf(words, options))
  if (launchOf(process.env)) {
    const { measureRank } = await import('../../bench/scaling/rank.ts')
    const measured = await measureRank(ranks, workload, options.steps)
    if (ranks.rank === 0) process.stdout.write(`${JSON.stringify(measured)}\n`)
    return
  }
  const { benchScaling } = await import('../../bench/scaling/scaling.ts')
  const { scalingText } = await import('../../bench/scaling/text.ts')
  const file = options.config === undefined ? [] : ['--config', options.config]
  const report = await benchScaling({ ...options, workload, words: [...file, ...words], say })
  process.stdout.write(`${json ? JSON.stringify(report) : scalingText(report)}\n`)
}

import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { defaultConfig } from '../../src/config/schema.ts'
import { launchOf } from '../../src/distributed/launcher.ts'
import { Ranks } from '../../src/distributed/ranks.ts'
import { type ConsoleOptions, LOG_LEVELS } from '../../src/track/console/console.ts'
import { InputError } from '../../src/util/error.ts'

/** ms for what `body` has open to end with the fault that reaches it too */
const BODY_ENDS = 300
/** ms for rank 0 to say what ends all, before a launcher kills it because another has ended */
const FIRST_SPEAKS = 3000

/**
 * Runs `body` as one of the processes that a launcher of MPI has started; without a launcher, alone. Where one fails, all end. A failure that
 * another rank tells ends the process here, without a word.
 */
export async function asRank<T>(body: (ranks: Ranks) => Promise<T>): Promise<T> {
  const ranks = await Ranks.join(defaultConfig().compute.rank_timeout)
  if (ranks.size === 1) return body(ranks)
  const lost = ranks.lost.then(async error => {
    await delay(BODY_ENDS)
    throw error
  })
  try {
    const result = await Promise.race([body(ranks), lost])
    await ranks.leave()
    return result
  } catch (error) {
    process.on('unhandledRejection', () => undefined) // of calls under way, which this failure ends
    if (!(await ranks.fail(error))) process.exit(error instanceof InputError ? 2 : 1)
    if (error instanceof Error) error.message = `${ranks.name}: ${error.message}`
    throw error
  }
}

/** Ends ranks of a command whose work they cannot share: each would do all of it, and write over the results of the others. Throws InputError in rank 0. */
export async function refuseRanks(command: Command): Promise<void> {
  const launch = launchOf(process.env)
  if (!launch || launch.size === 1) return
  if (launch.rank > 0) {
    await delay(FIRST_SPEAKS)
    process.exit(2)
  }
  throw new InputError(
    `${launch.launcher} started ${launch.size} ranks, but ${command.name()} is the work of one process: start it without`,
  )
}

/** What another rank than the first tells of its share: nothing, since the first tells the same. */
export const SILENT = { say: () => undefined, progress: () => undefined } as const

/** What a rank shows: the first everything, the others their warnings, marked as theirs. */
export function consoleOf({ rank }: Ranks, level: ConsoleOptions['level'] = LOG_LEVELS.INFO): ConsoleOptions {
  const { stderr, env } = process
  if (rank === 0) return { stream: stderr, environment: env, level }
  const stream = {
    write: (text: string) => stderr.write(text.replace(/^(?=.)/gm, `rank ${rank}: `)),
    on: (event: 'error', listener: () => void) => stderr.on(event, listener),
  }
  return { stream, environment: env, level: Math.max(level, LOG_LEVELS.WARNING) }
}

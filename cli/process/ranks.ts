import { setTimeout as delay } from 'node:timers/promises'
import { Ranks } from '../../src/distributed/ranks.ts'
import { type ConsoleOptions, LOG_LEVELS } from '../../src/track/console/console.ts'
import { InputError } from '../../src/util/error.ts'

/** ms for what `body` has open to end with the fault that reaches it too */
const BODY_ENDS = 300

/**
 * Runs `body` as one of the processes that a launcher of MPI has started; without a launcher, alone. Where one fails, all end. A failure that
 * another rank tells ends the process here, without a word.
 */
export async function asRank<T>(body: (ranks: Ranks) => Promise<T>): Promise<T> {
  const ranks = await Ranks.join()
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

/** What a rank shows: the first everything, the others their warnings, marked as theirs. */
export function consoleOf({ rank }: Ranks, { level = LOG_LEVELS.INFO }: Pick<ConsoleOptions, 'level'>): ConsoleOptions {
  const { stderr, env } = process
  if (rank === 0) return { stream: stderr, environment: env, level }
  const stream = {
    write: (text: string) => stderr.write(text.replace(/^(?=.)/gm, `rank ${rank}: `)),
    on: (event: 'error', listener: () => void) => stderr.on(event, listener),
  }
  return { stream, environment: env, level: Math.max(level, LOG_LEVELS.WARNING) }
}

import { PeerFailedError } from '../../src/distributed/faults.ts'
import { Ranks } from '../../src/distributed/ranks.ts'
import { type ConsoleOptions, LOG_LEVELS } from '../../src/track/console/console.ts'
import { InputError, messageOf } from '../../src/util/error.ts'

/**
 * Runs `body` as one of the processes that a launcher of MPI has started; without a launcher, alone. Where one fails, all end. A failure that
 * another rank tells ends the process here, without a word.
 */
export async function asRank<T>(body: (ranks: Ranks) => Promise<T>): Promise<T> {
  const ranks = await Ranks.join()
  try {
    const result = await body(ranks)
    await ranks.leave()
    return result
  } catch (error) {
    const isToldHere = !(error instanceof PeerFailedError) && (await ranks.fail(messageOf(error)))
    if (!isToldHere) process.exit(error instanceof InputError ? 2 : 1)
    if (ranks.rank > 0 && error instanceof Error) error.message = `${ranks.name}: ${error.message}`
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

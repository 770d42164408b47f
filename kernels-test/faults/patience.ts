import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL = 200 // ms
/** A process that waits for something uses no processor time. Beside other work it may get a tenth of a core. */
const WAITING = 10

/**
 * Resolves with 'hangs' when the process has used `most` milliseconds of processor time since the call, or when ten times as long has
 * passed: a machine with other work to do makes no command hang. Resolves with undefined when aborted.
 */
export async function outOfPatience(pid: number, most: number, signal: AbortSignal): Promise<'hangs' | undefined> {
  const [start, used] = [performance.now(), processorTime(pid)]
  while (!signal.aborted) {
    await sleep(POLL, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) break
    if (performance.now() - start > WAITING * most || processorTime(pid) - used > most) return 'hangs'
  }
  return undefined
}

/** Milliseconds of processor time of all threads; 0 where the system does not tell. */
function processorTime(pid: number): number {
  try {
    // fields 14 and 15, in ticks of 10 ms; the name before them may hold anything, in parentheses
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  } catch {
    return 0 // not Linux, or it has died
  }
}

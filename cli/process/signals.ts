import { isUnderNohup } from './nohup.ts'

/**
 * The meaning of each signal. Exit codes: 128 + number by convention, and EX_TEMPFAIL of sysexits.h for a run to be requeued.
 * Slurm sends SIGUSR1 if asked to (--signal); a terminal that closes sends SIGHUP.
 */
const MEANINGS = {
  SIGHUP: { code: 129, reason: 'INTERRUPTED' },
  SIGINT: { code: 130, reason: 'INTERRUPTED' },
  SIGTERM: { code: 143, reason: 'INTERRUPTED' },
  SIGUSR1: { code: 75, reason: 'TIMEOUT' },
} as const

type StopSignal = keyof typeof MEANINGS

/** What a process exits with that another one has stopped, by the status that it then has. */
const STOPPED_BY_ANOTHER = { INTERRUPTED: 'SIGTERM', TIMEOUT: 'SIGUSR1' } as const

/**
 * The first SIGHUP, SIGINT, SIGTERM or SIGUSR1 saves and stops; a second one stops at once. Under nohup, SIGHUP changes nothing. Windows has
 * no SIGUSR1.
 */
export function stopOnSignals(say: (line: string) => void): {
  stop: AbortSignal
  exitCode(status?: keyof typeof STOPPED_BY_ANOTHER): number
} {
  const controller = new AbortController()
  let received: StopSignal | undefined
  for (const signal of stopSignals()) {
    process.on(signal, () => {
      const { code, reason } = MEANINGS[signal]
      if (received) process.exit(code)
      received = signal
      say(`${signal}: finishing the step; send it again to stop at once`)
      controller.abort(reason)
    })
  }
  return {
    stop: controller.signal,
    exitCode: (status = 'INTERRUPTED') => MEANINGS[received ?? STOPPED_BY_ANOTHER[status]].code,
  }
}

function stopSignals(): StopSignal[] {
  const missing: StopSignal[] = process.platform === 'win32' ? ['SIGUSR1'] : isUnderNohup() ? ['SIGHUP'] : []
  return (Object.keys(MEANINGS) as StopSignal[]).filter(name => !missing.includes(name))
}

/** Under nohup every command outlives its terminal. Node has reset the signal, so it would end the process without a handler. */
export function heedNohup(): void {
  if (isUnderNohup()) process.on('SIGHUP', () => undefined)
}

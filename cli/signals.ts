/**
 * The meaning of each signal. Exit codes: 128 + number by convention, and EX_TEMPFAIL of sysexits.h for a run to be requeued.
 * Slurm sends SIGUSR1 if asked to (--signal).
 */
const MEANINGS = {
  SIGINT: { code: 130, reason: 'INTERRUPTED' },
  SIGTERM: { code: 143, reason: 'INTERRUPTED' },
  SIGUSR1: { code: 75, reason: 'TIMEOUT' },
} as const

type StopSignal = keyof typeof MEANINGS

/** The first SIGINT, SIGTERM or SIGUSR1 saves and stops; a second one stops at once. Windows has no SIGUSR1. */
export function stopOnSignals(say: (line: string) => void): { stop: AbortSignal; exitCode(): number } {
  const controller = new AbortController()
  let received: StopSignal | undefined
  const names = Object.keys(MEANINGS) as StopSignal[]
  for (const signal of names.filter(name => name !== 'SIGUSR1' || process.platform !== 'win32')) {
    process.on(signal, () => {
      const { code, reason } = MEANINGS[signal]
      if (received) process.exit(code)
      received = signal
      say(`${signal}: finishing the step; send it again to stop at once`)
      controller.abort(reason)
    })
  }
  return { stop: controller.signal, exitCode: () => MEANINGS[received ?? 'SIGINT'].code }
}

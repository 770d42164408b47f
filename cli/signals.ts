/**
 * What each signal means. Exit codes: 128 + number by convention, and EX_TEMPFAIL of sysexits.h for a run that is to be put in the
 * queue again. Slurm sends SIGUSR1 where it is told to (--signal).
 */
const MEANINGS = {
  SIGINT: { code: 130, reason: 'INTERRUPTED' },
  SIGTERM: { code: 143, reason: 'INTERRUPTED' },
  SIGUSR1: { code: 75, reason: 'TIMEOUT' },
} as const

type StopSignal = keyof typeof MEANINGS

/** First SIGINT, SIGTERM or SIGUSR1: save and stop. A second one: at once. Windows knows no SIGUSR1. */
export function stopOnSignals(say: (line: string) => void): { stop: AbortSignal; exitCode(): number } {
  const controller = new AbortController()
  let received: StopSignal | undefined
  const names = Object.keys(MEANINGS) as StopSignal[]
  for (const signal of names.filter(name => name !== 'SIGUSR1' || process.platform !== 'win32')) {
    process.on(signal, () => {
      const { code, reason } = MEANINGS[signal]
      if (received) process.exit(code)
      received = signal
      say(`${signal}: finishing the step; once more stops at once`)
      controller.abort(reason)
    })
  }
  return { stop: controller.signal, exitCode: () => MEANINGS[received ?? 'SIGINT'].code }
}

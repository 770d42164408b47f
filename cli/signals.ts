/** Exit codes of a run that a signal ended, by the convention 128 + number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

type StopSignal = keyof typeof EXIT_CODES

/** First SIGINT or SIGTERM: finish the step and stop. Second: at once. */
export function stopOnSignals(say: (line: string) => void): { stop: AbortSignal; exitCode(): number } {
  const controller = new AbortController()
  let received: StopSignal | undefined
  for (const signal of Object.keys(EXIT_CODES) as StopSignal[]) {
    process.on(signal, () => {
      if (received) process.exit(EXIT_CODES[signal])
      received = signal
      say(`${signal}: finishing the step; once more stops at once`)
      controller.abort()
    })
  }
  return { stop: controller.signal, exitCode: () => EXIT_CODES[received ?? 'SIGINT'] }
}

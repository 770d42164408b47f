/** Milliseconds between two lines of progress that is no terminal's. */
const BETWEEN_LINES = 10_000
const BETWEEN_REFRESHES = 100

/** Progress of a command that works through `total` things, on standard error: one refreshed line, or plain lines now and then. */
export function counter(total: number, things: string): { at(done: number): void; done(summary: string): void } {
  const live = process.stderr.isTTY === true
  const started = performance.now()
  let last = live ? Number.NEGATIVE_INFINITY : started
  return {
    at(done) {
      const now = performance.now()
      if (now - last < (live ? BETWEEN_REFRESHES : BETWEEN_LINES)) return
      last = now
      const left = Math.ceil(((now - started) / 1000 / done) * (total - done))
      const line = `${done}/${total} ${things}, ${left} s left`
      process.stderr.write(live ? `\r\x1b[K${line}` : `${line}\n`)
    },
    done(summary) {
      process.stderr.write(
        `${live ? '\r\x1b[K' : ''}${summary}, ${((performance.now() - started) / 1000).toFixed(1)} s\n`,
      )
    },
  }
}

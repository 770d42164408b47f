const BETWEEN_REFRESHES = 100 // milliseconds, on a terminal
const BETWEEN_LINES = 10_000 // milliseconds, elsewhere

/** Shows on standard error how many of a known number are done: in place on a terminal, elsewhere as a line every ten seconds. */
export function progressOf(what: string): { update(done: number, all: number): void; end(): void } {
  const { stderr } = process
  let last = performance.now()
  let isShown = false
  const erase = (): void => {
    if (isShown) stderr.write('\r\x1b[K')
    isShown = false
  }
  return {
    update(done, all) {
      if (done === all) return erase()
      const now = performance.now()
      if (now - last < (stderr.isTTY ? BETWEEN_REFRESHES : BETWEEN_LINES)) return
      last = now
      stderr.write(stderr.isTTY ? `\r\x1b[K${what} ${done}/${all}` : `${what} ${done}/${all}\n`)
      isShown = stderr.isTTY
    },
    end: erase,
  }
}

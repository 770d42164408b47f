import { execFileSync } from 'node:child_process'

const PATIENCE = 10_000 // ms

/**
 * When a process of this machine started, in milliseconds since 1970, cut to seconds on some systems. Undefined if the system does not say,
 * as of another user's process on Windows. Starts a program of the system.
 */
export function processStart(pid: number): number | undefined {
  const [program, words] = process.platform === 'win32' ? powershell(pid) : ps(pid)
  try {
    const said = execFileSync(program, words, {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: PATIENCE,
      windowsHide: true,
    })
    const start = Date.parse(said.trim())
    return Number.isNaN(start) ? undefined : start
  } catch {
    return undefined
  }
}

/** Prints e.g. `Tue Dec  1 09:34:06 2026`, local time, on Linux, macOS and the BSDs. */
function ps(pid: number): [program: string, words: string[]] {
  return ['ps', ['-o', 'lstart=', '-p', String(pid)]]
}

/** Prints e.g. `2026-12-01T09:34:06.1234567Z`. */
function powershell(pid: number): [program: string, words: string[]] {
  const script = `(Get-Process -Id ${pid}).StartTime.ToUniversalTime().ToString('o')`
  return ['powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', script]]
}

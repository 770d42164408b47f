import { isAlive } from '../util/system/processes.ts'

/** ms. Open MPI leaves the others a second to say what happened before it kills them. */
const LOOKS = 100
/** exit code by SIGTERM, by convention 128 + its number */
const TERMINATED = 143

/** A process of this host, by what messages call it. */
interface Watched {
  name: string
  pid: number
}

/**
 * Looks whether processes of this host and the launcher still run. A process that is not there at first, as in containers of the same name, is not
 * looked for.
 * @param onLost gets the first that does not, once
 */
export function watch(processes: readonly Watched[], onLost: (lost: Watched) => void): { stop(): void } {
  const launcher: Watched = { name: 'the launcher', pid: process.ppid }
  const present = processes.filter(({ pid }) => isAlive(pid))
  let isLost = false
  const look = (): void => {
    const lost = process.ppid === launcher.pid ? present.find(({ pid }) => !isAlive(pid)) : launcher
    if (!lost || isLost) return
    isLost = true
    onLost(lost)
  }
  // With it Open MPI ends the others once a rank is gone. By itself it ends a process whose command has no use for it.
  const terminate = (): void => {
    look()
    if (!isLost && process.listenerCount('SIGTERM') === 1) process.exit(TERMINATED)
  }
  const timer = setInterval(look, LOOKS)
  timer.unref()
  process.on('SIGTERM', terminate)
  const stop = (): void => {
    clearInterval(timer)
    process.removeListener('SIGTERM', terminate)
  }
  return { stop }
}

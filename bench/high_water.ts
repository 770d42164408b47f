import { existsSync } from 'node:fs'
import { readText } from '../src/util/whole_file.ts'

const STATUS = '/proc/self/status'

/**
 * The peak resident memory of this process in bytes: VmHWM, or the system's resource usage without it (which may include the
 * parent's memory from before the program started).
 */
export function highWater(): number {
  const kilobytes = existsSync(STATUS) ? /^VmHWM:\s+(\d+) kB$/m.exec(readText(STATUS))?.[1] : undefined
  return (kilobytes === undefined ? process.resourceUsage().maxRSS : Number(kilobytes)) * 1024
}

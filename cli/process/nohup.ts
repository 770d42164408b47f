import { execFileSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { devNull } from 'node:os'
import { basename } from 'node:path'
import { readText } from '../../src/util/whole_file.ts'

/**
 * Whether this process should outlive its terminal: `nohup` started it, or a process that ignores SIGHUP, as a script under `nohup` does. The
 * signal's own disposition no longer tells, because Node resets it at the start.
 */
export function isUnderNohup(): boolean {
  if (process.platform === 'win32') return false
  return isStartedByNohup() || hasInputOfNohup() || isHangupIgnoredBy(process.ppid)
}

/** Most shells name the program that they start in this variable; nohup is replaced by the program, and leaves it as it was. */
function isStartedByNohup(): boolean {
  return basename(process.env._ ?? '') === 'nohup'
}

/** GNU's nohup replaces a terminal as standard input by /dev/null, open for writing only, which nothing else does. */
function hasInputOfNohup(): boolean {
  try {
    const access = /^flags:\s*\d*(\d)$/m.exec(readText('/proc/self/fdinfo/0'))?.[1]
    return access === '1' && readlinkSync('/proc/self/fd/0') === devNull
  } catch {
    return false // no Linux, or no standard input
  }
}

function isHangupIgnoredBy(pid: number): boolean {
  try {
    const mask = process.platform === 'linux' ? ignoredOnLinux(pid) : ignoredElsewhere(pid)
    return /[13579bdf]$/i.test(mask.trim()) // SIGHUP is number 1, the lowest bit
  } catch {
    return false
  }
}

function ignoredOnLinux(pid: number): string {
  return /^SigIgn:(.*)$/m.exec(readText(`/proc/${pid}/status`))?.[1] ?? ''
}

function ignoredElsewhere(pid: number): string {
  return execFileSync('ps', ['-o', 'ignored=', '-p', String(pid)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 10_000, // ms
  })
}

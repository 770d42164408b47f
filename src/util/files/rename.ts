import fs from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { isHeldOpen } from './reason.ts'

/** Milliseconds before each further attempt where the target is held open: virus scanners and indexers let go within a second. */
const WAITS = [10, 20, 40, 80, 160, 320, 640]

/** Renames `from` to `to`, which it replaces. Waits for programs that hold `to` open on Windows; throws the system's error. */
export function replaceFile(from: string, to: string): void {
  for (const wait of WAITS) {
    try {
      fs.renameSync(from, to)
      return
    } catch (error) {
      if (!isHeldOpen(error)) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, wait)
    }
  }
  fs.renameSync(from, to)
}

/** As replaceFile, without blocking this thread. */
export async function replaceFileLater(from: string, to: string): Promise<void> {
  for (const wait of WAITS) {
    try {
      await fs.promises.rename(from, to)
      return
    } catch (error) {
      if (!isHeldOpen(error)) throw error
      await delay(wait)
    }
  }
  await fs.promises.rename(from, to)
}

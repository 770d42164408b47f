import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

const PIECES_AT_ONCE = 512 // systems take at most 1024 in one call

/**
 * The files of one run. They are optional outputs: a write that fails is said once, through `warn`, and never stops the
 * training. Readers see a file whole or not at all: it is written in a hidden folder (any other file beside the known ones
 * would be taken for an artifact), then renamed. Nothing is synced to the disk; that is for checkpoints.
 */
export class RunFiles {
  readonly directory: string
  /** Hidden folder for half-written files and journals. */
  readonly hidden: string
  private readonly warn: (line: string) => void
  private warned = false

  constructor(directory: string, warn: (line: string) => void) {
    this.directory = directory
    this.hidden = join(directory, '.partial')
    this.warn = warn
    this.attempt(this.hidden, () => mkdirSync(this.hidden, { recursive: true }))
  }

  /** Replaces a file of the run by `text`. False if that failed; the earlier content is then still there. */
  replace(name: string, text: string | Buffer): boolean {
    const path = join(this.directory, name)
    const partial = join(this.hidden, name)
    const isWritten = this.attempt(path, () => {
      writeFileSync(partial, text)
      renameSync(partial, path)
    })
    // What was written before a disk was full must not take a checkpoint's room.
    if (!isWritten) this.attempt(partial, () => rmSync(partial, { force: true }))
    return isWritten
  }

  /** The same with a file in pieces, which must not change meanwhile; the system writes them while this thread goes on. */
  async replaceLater(name: string, pieces: readonly Uint8Array[]): Promise<boolean> {
    const partial = join(this.hidden, name)
    return this.settle(name, partial, async () => writePieces(partial, pieces))
  }

  /** Does what writes `partial`, then gives it its name. False if that failed; nothing partial is left then. */
  async settle(name: string, partial: string, write: () => Promise<unknown>): Promise<boolean> {
    const path = join(this.directory, name)
    try {
      await write()
      await rename(partial, path)
      return true
    } catch (error) {
      return this.attempt(path, () => {
        throw error
      })
    } finally {
      // also after a rename: it does nothing where both names are of one file already
      await rm(partial, { force: true }).catch(() => undefined)
    }
  }

  append(path: string, text: string): boolean {
    return this.attempt(path, () => appendFileSync(path, text))
  }

  /** Removes the hidden folder. */
  clean(): void {
    this.attempt(this.hidden, () => rmSync(this.hidden, { recursive: true, force: true }))
  }

  /** Does what writes to `path`. False, after one warning for the whole run, if it threw. */
  attempt(path: string, action: () => unknown): boolean {
    try {
      action()
      return true
    } catch (error) {
      if (this.warned) return false
      this.warned = true // before warning: the warning itself may be captured into a file that cannot be written
      this.warn(`cannot write ${path}: ${reasonOf(error)}; the run goes on, its record may have gaps`)
      return false
    }
  }
}

async function writePieces(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (let first = 0; first < pieces.length; first += PIECES_AT_ONCE) {
      const some = pieces.slice(first, first + PIECES_AT_ONCE)
      const { bytesWritten } = await file.writev(some)
      // a disk that fills up ends a write early, without an error
      if (bytesWritten !== some.reduce((sum, { length }) => sum + length, 0)) throw new Error('no space left on device')
    }
  } finally {
    await file.close()
  }
}

/** Why a file operation failed, without the call and path that Node repeats. */
export function reasonOf(error: unknown): string {
  const { message } = error as Error
  return /^E[A-Z]+: ([^,]+),/.exec(message)?.[1] ?? message
}

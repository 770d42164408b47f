import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../util/error.ts'
import { makeFolders } from '../util/files/folder.ts'
import { replaceFile, replaceFileLater } from '../util/files/rename.ts'

const PIECES_AT_ONCE = 512 // operating systems accept at most 1024 per call

/**
 * The files of one run. They are optional outputs: the first failed write is reported through `warn`, and none stops the training.
 * Each file is written in a hidden folder, then renamed, so readers never see it half written; outside the hidden folder it would
 * be taken for an artifact. Files are not synced to disk; only checkpoints are.
 */
export class RunFiles {
  readonly directory: string
  /** Hidden folder for partial files and journals. */
  readonly hidden: string
  private readonly warn: (line: string) => void
  private hasWarned = false

  constructor(directory: string, warn: (line: string) => void) {
    this.directory = directory
    this.hidden = join(directory, '.partial')
    this.warn = warn
    this.attempt(this.hidden, () => makeFolders(this.hidden))
  }

  /** Replaces a file of the run. Returns false if that failed; the earlier content is then unchanged. */
  replace(name: string, text: string | Buffer): boolean {
    const path = join(this.directory, name)
    const partial = join(this.hidden, name)
    const isWritten = this.attempt(path, () => {
      writeFileSync(partial, text)
      replaceFile(partial, path)
    })
    // a partial file on a full disk must not take space from a checkpoint
    if (!isWritten) this.attempt(partial, () => rmSync(partial, { force: true }))
    return isWritten
  }

  /** Replaces a file asynchronously, from pieces that must not change meanwhile. */
  async replaceLater(name: string, pieces: readonly Uint8Array[]): Promise<boolean> {
    const partial = join(this.hidden, name)
    return this.settle(name, partial, async () => writePieces(partial, pieces))
  }

  /** Runs `write`, which writes `partial`, then renames it. Returns false if that failed; the partial file is then removed. */
  async settle(name: string, partial: string, write: () => Promise<unknown>): Promise<boolean> {
    const path = join(this.directory, name)
    try {
      await write()
      await replaceFileLater(partial, path)
      return true
    } catch (error) {
      return this.attempt(path, () => {
        throw error
      })
    } finally {
      // needed after a rename too: renaming does nothing if both names are links to one file
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

  /** Runs an action that writes to `path`. Returns false if it threw, and warns once per run. */
  attempt(path: string, action: () => unknown): boolean {
    try {
      action()
      return true
    } catch (error) {
      if (this.hasWarned) return false
      this.hasWarned = true // set before the warning, which may itself be captured into a file that cannot be written
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
      // on a full disk, a write may end early without an error
      if (bytesWritten !== some.reduce((sum, { length }) => sum + length, 0)) throw new Error('no space left on device')
    }
  } finally {
    await file.close()
  }
}

/** Why a file operation failed, without the system call and path that Node adds. */
export function reasonOf(error: unknown): string {
  const { cause } = error as Error
  const said = cause instanceof Error ? messageOf(cause) : messageOf(error)
  return /^E[A-Z]+: ([^,]+),/.exec(said)?.[1] ?? messageOf(error)
}

/** Makes a folder. False if it exists already; mkdir arbitrates between processes. */
export function makeNewFolder(path: string): boolean {
  try {
    mkdirSync(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

import fs from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { InputError } from '../util/error.ts'

/** A file could not be written: path and reason in one line. At the path is the old file or the new one, whole. */
export class WriteError extends Error {
  override name = 'WriteError'
}

/** Files are read at once; the runtime reads no more than this at once. */
const mostBytes = 2 ** 31 - 1

/** The bytes of a regular file. Throws InputError: missing, no file, unreadable, empty, 2 GiB or more. */
export function readBytes(path: string): Uint8Array {
  try {
    // Before it is opened: a named pipe would wait for ever.
    const facts = fs.statSync(path)
    if (!facts.isFile()) throw new InputError(`${path}: not a regular file`)
    if (facts.size > mostBytes) throw new InputError(`${path}: ${facts.size} bytes, at most ${mostBytes} are read`)
    return fs.readFileSync(path)
  } catch (error) {
    if (error instanceof InputError) throw error
    throw new InputError(`${path}: cannot be read (${reasonOf(error)})`)
  }
}

/**
 * Writes the pieces one after another so that a crash or a kill at any moment leaves the old file or the new one, whole:
 * into `.NAME.tmp` beside it, synced, renamed over it, the folder synced. A temporary file left by a kill is overwritten
 * by the next call. Throws WriteError; no temporary file is left then, and the old file is still there unless only the
 * folder could not be synced.
 */
export function writeAtomically(path: string, pieces: readonly Uint8Array[]): void {
  const folder = dirname(resolve(path))
  const temporary = join(folder, `.${basename(path)}.tmp`)
  try {
    const file = fs.openSync(temporary, 'w')
    try {
      writeSynced(file, pieces)
      fs.renameSync(temporary, path)
    } catch (error) {
      fs.rmSync(temporary, { force: true })
      throw error
    }
    syncFolder(folder)
  } catch (error) {
    throw new WriteError(`${path}: cannot be written (${reasonOf(error)})`, { cause: error })
  }
}

function writeSynced(file: number, pieces: readonly Uint8Array[]): void {
  try {
    for (const piece of pieces) {
      for (let done = 0; done < piece.length; ) done += fs.writeSync(file, piece, done)
    }
    fs.fsyncSync(file)
  } finally {
    fs.closeSync(file)
  }
}

/** Makes the rename last. Windows has no such call for folders and orders its renames itself. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const handle = fs.openSync(folder, 'r')
  try {
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

import fs from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { InputError, messageOf } from './error.ts'

/** A file could not be written: path and reason in one line. The path holds the old file or the new one, whole. */
export class WriteError extends Error {
  override name = 'WriteError'

  static at(path: string, cause: unknown): WriteError {
    return new WriteError(`${path}: cannot be written (${messageOf(cause)})`, { cause })
  }
}

/** The runtime reads no more than this in one call. */
const MAX_BYTES = 2 ** 31 - 1

/** The bytes of a regular file. Throws InputError: missing, not a regular file, unreadable, 2 GiB or more. */
export function readWhole(path: string): Uint8Array {
  try {
    // Checked before opening: opening a named pipe would block forever.
    const facts = fs.statSync(path)
    if (!facts.isFile()) throw new InputError(`${path}: not a regular file`)
    if (facts.size > MAX_BYTES) throw new InputError(`${path}: ${facts.size} bytes, at most ${MAX_BYTES} can be read`)
    return fs.readFileSync(path)
  } catch (error) {
    if (error instanceof InputError) throw error
    throw new InputError(`${path}: cannot be read (${messageOf(error)})`)
  }
}

/**
 * Writes the pieces one after another. A crash or a kill at any moment leaves the old file or the new one, whole. Throws
 * WriteError; the temporary file is then removed, and the old file is still there unless only syncing the folder failed.
 */
export function writeWhole(path: string, pieces: Iterable<Uint8Array>): void {
  const temporary = temporaryOf(path)
  try {
    const file = fs.openSync(temporary, 'w')
    try {
      writeSynced(file, pieces)
      fs.renameSync(temporary, path)
    } catch (error) {
      fs.rmSync(temporary, { force: true })
      throw error
    }
    syncFolderOf(path)
  } catch (error) {
    throw WriteError.at(path, error)
  }
}

/** Writes `value` as indented JSON. Throws WriteError as writeWhole does. */
export function writeJson(path: string, value: unknown): void {
  writeWhole(path, [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)])
}

/** Where this process writes a file before renaming it to `path`: hidden, in the same folder. */
export function temporaryOf(path: string): string {
  return join(dirname(resolve(path)), `.${basename(path)}.${process.pid}.tmp`)
}

/** Syncs the finished file `temporary`, renames it to `path` and syncs the folder. */
export function moveIntoPlace(temporary: string, path: string): void {
  sync(temporary, 'r+') // Windows syncs only what is open for writing
  fs.renameSync(temporary, path)
  syncFolderOf(path)
}

function writeSynced(file: number, pieces: Iterable<Uint8Array>): void {
  try {
    for (const piece of pieces) {
      for (let done = 0; done < piece.length; ) done += fs.writeSync(file, piece, done)
    }
    fs.fsyncSync(file)
  } finally {
    fs.closeSync(file)
  }
}

/** Makes a rename durable. Windows cannot sync a folder; it orders its renames itself. */
function syncFolderOf(path: string): void {
  if (process.platform !== 'win32') sync(dirname(resolve(path)), 'r')
}

function sync(path: string, flags: 'r' | 'r+'): void {
  const file = fs.openSync(path, flags)
  try {
    fs.fsyncSync(file)
  } finally {
    fs.closeSync(file)
  }
}

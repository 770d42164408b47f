import fs from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { InputError } from './error.ts'
import { withInput } from './files/input_file.ts'
import { codeOf, isOfSystem, reasonOf } from './files/reason.ts'
import { replaceFile } from './files/rename.ts'
import { oneLine } from './listing.ts'

/** A file could not be written: path and reason in one line. The path holds the old file or the new one, whole. */
export class WriteError extends Error {
  override name = 'WriteError'

  constructor(message: string, options?: ErrorOptions) {
    super(oneLine(message), options)
  }

  static at(path: string, cause: unknown): WriteError {
    return new WriteError(`${path}: cannot be written (${reasonOf(cause)})`, { cause })
  }
}

/** The runtime reads no more than this in one call. */
const MAX_BYTES = 2 ** 31 - 1

/** More text than any JSON or configuration here has; V8's strings end at twice that. */
const MAX_TEXT = 2 ** 28 // bytes

interface ReadOptions {
  /** bytes; a larger file is refused before it takes memory */
  most?: number
  /** what the file should be, e.g. "a JSON file" */
  expected?: string
}

/** The bytes of a regular file. Throws InputError: missing, not a regular file, unreadable, larger than `most`. */
export function readWhole(path: string, { most = MAX_BYTES, expected }: ReadOptions = {}): Buffer {
  const read = (file: number): Buffer => {
    const { size } = fs.fstatSync(file)
    if (size > most) throw new InputError(`${path}: ${size} bytes, at most ${most} can be read`)
    return fs.readFileSync(file)
  }
  return withInput(path, read, expected)
}

/**
 * The text of a regular file, without a byte order mark: UTF-8, or UTF-16 with a mark, as PowerShell 5 writes it. Throws InputError as
 * readWhole does.
 */
export function readText(path: string, expected?: string): string {
  const bytes = readWhole(path, { most: MAX_TEXT, ...(expected === undefined ? {} : { expected }) })
  const mark = bytes.toString('hex', 0, 2)
  const encoding = mark === 'fffe' ? 'utf-16le' : mark === 'feff' ? 'utf-16be' : 'utf-8'
  return new TextDecoder(encoding).decode(bytes)
}

/**
 * Writes the pieces one after another. A crash or a kill at any moment leaves the old file or the new one, whole. Throws
 * WriteError; the temporary file is then removed, and the old file is still there unless only syncing the folder failed.
 */
export function writeWhole(path: string, pieces: Iterable<Uint8Array>): void {
  const temporary = temporaryOf(path)
  removeStale(path)
  try {
    const file = fs.openSync(temporary, 'w')
    try {
      writeSynced(file, pieces)
      replaceFile(temporary, path)
    } catch (error) {
      fs.rmSync(temporary, { force: true })
      throw error
    }
    syncFolder(dirname(resolve(path)))
  } catch (error) {
    throw WriteError.at(path, error)
  }
}

/** Writes text as UTF-8. Throws WriteError as writeWhole does. */
export function writeText(path: string, text: string): void {
  writeWhole(path, [Buffer.from(text)])
}

/** Writes `value` as indented JSON. Throws WriteError as writeWhole does. */
export function writeJson(path: string, value: unknown): void {
  writeWhole(path, [jsonBytes(value)])
}

/** `value` as indented JSON. */
export function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`)
}

/** Where this process writes a file before renaming it to `path`: hidden, in the same folder. */
export function temporaryOf(path: string): string {
  return join(dirname(resolve(path)), `.${basename(path)}.${process.pid}.tmp`)
}

/** Removes a file that may be there. Throws WriteError. */
export function removeFile(path: string): void {
  try {
    fs.rmSync(path, { force: true })
  } catch (error) {
    throw new WriteError(`${path}: cannot be removed (${reasonOf(error)})`, { cause: error })
  }
}

/** Removes what processes that are gone left half written of `path`. Whatever cannot be removed stays. */
export function removeStale(path: string): void {
  const folder = dirname(resolve(path))
  const start = `.${basename(path)}.`
  try {
    for (const name of fs.readdirSync(folder)) {
      const pid = name.startsWith(start) ? /^(\d+)\.tmp$/.exec(name.slice(start.length))?.[1] : undefined
      if (pid !== undefined && !isRunning(Number(pid))) fs.rmSync(join(folder, name), { force: true })
    }
  } catch {
    // the write that follows says what is wrong with the folder
  }
}

/** Whether a process of this machine has this number. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH' // EPERM: it is someone else's
  }
}

/** Syncs the finished file `temporary`, renames it to `path` and syncs the folder. Throws WriteError. */
export function moveIntoPlace(temporary: string, path: string): void {
  writing(path, () => {
    sync(temporary, 'r+') // Windows syncs only what is open for writing
    replaceFile(temporary, path)
    syncFolder(dirname(resolve(path)))
  })
}

/** Runs what writes `path` in another way than writeWhole. An error of the system becomes a WriteError with the path. */
export function writing<T>(path: string, write: () => T): T {
  try {
    return write()
  } catch (error) {
    throw isOfSystem(error) ? WriteError.at(path, error) : error
  }
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

/** Makes renames durable. Windows cannot sync a folder; it orders its renames itself. */
export function syncFolder(folder: string): void {
  if (process.platform !== 'win32') sync(folder, 'r')
}

function sync(path: string, flags: 'r' | 'r+'): void {
  const file = fs.openSync(path, flags)
  try {
    fs.fsyncSync(file)
  } finally {
    fs.closeSync(file)
  }
}

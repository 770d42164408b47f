import fs from 'node:fs'
import { InputError } from '../error.ts'
import { codeOf, isOfSystem, reasonOf } from './reason.ts'

/** Opening then returns even if the file has become a named pipe since it was checked. Windows has neither. */
const FOR_READING = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0)

/**
 * Opens a regular file for reading; symbolic links are followed. A named pipe would block for ever, a device may never end.
 * Throws InputError: missing, unreadable (its cause is the system's error), not a regular file. `expected` says what it should be: "a JSON file".
 */
export function openInput(path: string, expected?: string): number {
  checkInput(path, expected)
  try {
    return fs.openSync(path, FOR_READING)
  } catch (error) {
    throw unreadable(path, error, expected)
  }
}

/** Opens a file as openInput does, lets `use` read from it and closes it. A failed read becomes an InputError with the path. */
export function withInput<T>(path: string, use: (file: number) => T, expected?: string): T {
  const file = openInput(path, expected)
  try {
    return closing(file, use)
  } catch (error) {
    throw isOfSystem(error) ? unreadable(path, error, expected) : error
  }
}

function closing<T>(file: number, use: (file: number) => T): T {
  try {
    return use(file)
  } finally {
    fs.closeSync(file)
  }
}

/** The facts of a file that a library will open by its path. Throws InputError as openInput does. */
export function checkInput(path: string, expected?: string): fs.Stats {
  let facts: fs.Stats
  try {
    facts = fs.statSync(path)
  } catch (error) {
    throw unreadable(path, error, expected)
  }
  if (facts.isFile()) return facts
  throw new InputError(
    `${path}: is ${kindOf(facts)}, ${expected === undefined ? 'not a regular file' : `expected ${expected}`}`,
  )
}

/** Whether there is a regular file at the path, or at the end of its symbolic links. */
export function isRegularFile(path: string): boolean {
  try {
    return fs.statSync(path).isFile()
  } catch {
    return false
  }
}

function unreadable(path: string, cause: unknown, expected?: string): InputError {
  if (cause instanceof InputError) return cause
  const isMissing = codeOf(cause) === 'ENOENT' && expected !== undefined
  const reason = isMissing ? 'no such file' : `cannot be read (${reasonOf(cause)})`
  return new InputError(`${path}: ${reason}${expected === undefined ? '' : `, expected ${expected}`}`, { cause })
}

function kindOf(facts: fs.Stats): string {
  if (facts.isDirectory()) return 'a folder'
  if (facts.isFIFO()) return 'a named pipe'
  if (facts.isSocket()) return 'a socket'
  return 'a device'
}

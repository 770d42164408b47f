import fs from 'node:fs'
import { InputError } from '../error.ts'
import { codeOf, reasonOf } from './reason.ts'

/** Opening then returns even if the file has become a named pipe since it was checked. Windows has neither. */
const FOR_READING = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0)

/**
 * Opens a regular file for reading; symbolic links are followed. A named pipe would block for ever, a device may never end.
 * Throws InputError: missing, unreadable (its cause is the system's error), not a regular file.
 */
export function openInput(path: string): number {
  checkInput(path)
  try {
    return fs.openSync(path, FOR_READING)
  } catch (error) {
    throw unreadable(path, error)
  }
}

/** Opens a file as openInput does, lets `use` read from it and closes it. A failed read becomes an InputError with the path. */
export function withInput<T>(path: string, use: (file: number) => T): T {
  const file = openInput(path)
  try {
    return use(file)
  } catch (error) {
    throw codeOf(error) === undefined ? error : unreadable(path, error)
  } finally {
    fs.closeSync(file)
  }
}

/** The facts of a file that a library will open by its path. Throws InputError as openInput does. */
export function checkInput(path: string): fs.Stats {
  let facts: fs.Stats
  try {
    facts = fs.statSync(path)
  } catch (error) {
    throw unreadable(path, error)
  }
  if (!facts.isFile()) throw new InputError(`${path}: is ${kindOf(facts)}, not a regular file`)
  return facts
}

/** Whether there is a regular file at the path, or at the end of its symbolic links. */
export function isRegularFile(path: string): boolean {
  try {
    return fs.statSync(path).isFile()
  } catch {
    return false
  }
}

/** The error of a failed read: path and reason in one line. */
export function unreadable(path: string, cause: unknown): InputError {
  if (cause instanceof InputError) return cause
  return new InputError(`${path}: cannot be read (${reasonOf(cause)})`, { cause })
}

function kindOf(facts: fs.Stats): string {
  if (facts.isDirectory()) return 'a folder'
  if (facts.isFIFO()) return 'a named pipe'
  if (facts.isSocket()) return 'a socket'
  return 'a device'
}

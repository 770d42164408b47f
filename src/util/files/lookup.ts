import fs from 'node:fs'
import { dirname, resolve } from 'node:path'
import { InputError } from '../error.ts'
import { codeOf, reasonOf } from './reason.ts'

/** Codes of a path with nothing at its end; ELOOP: of links in a circle. */
const NOTHING = ['ENOENT', 'ENOTDIR', 'ELOOP']

/**
 * The facts of what is at a path, or at the end of its symbolic links; undefined if nothing is there. Throws InputError if that cannot be known:
 * no permission for a folder above it, a broken disk. What cannot be looked at must not be taken for missing.
 */
export function factsOf(path: string): fs.Stats | undefined {
  try {
    return fs.statSync(path)
  } catch (error) {
    if (NOTHING.includes(codeOf(error) ?? '')) return undefined
    throw new InputError(`${path}: cannot be looked at (${reasonOf(error)})`, { cause: error })
  }
}

/** False if nothing is there. Throws as factsOf does. */
export function isFolder(path: string): boolean {
  return factsOf(path)?.isDirectory() ?? false
}

/** The names in a folder, sorted. Throws InputError if it cannot be listed. */
export function namesIn(folder: string): string[] {
  try {
    return fs.readdirSync(folder).sort()
  } catch (error) {
    throw new InputError(`${folder}: cannot be listed (${reasonOf(error)})`, { cause: error })
  }
}

/** Refuses a file that a command is to write, before it works for its content. Throws InputError: no folder to write it in, or no file there. */
export function checkOutputFile(path: string): void {
  const facts = factsOf(path)
  if (facts && !facts.isFile()) throw new InputError(`${path}: is not a regular file, expected a file to write`)
  const folder = dirname(resolve(path))
  if (!isFolder(folder)) throw new InputError(`${path}: ${folder} is no folder, expected one to write a file in`)
}

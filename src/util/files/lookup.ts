import fs from 'node:fs'
import { InputError } from '../error.ts'
import { codeOf, reasonOf } from './reason.ts'

/**
 * The facts of what is at a path, or at the end of its symbolic links; undefined if nothing is there. Throws InputError if that cannot be known:
 * no permission for a folder above it, a broken disk. What cannot be looked at must not be taken for missing.
 */
export function factsOf(path: string): fs.Stats | undefined {
  try {
    return fs.statSync(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined
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

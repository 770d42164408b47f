import fs from 'node:fs'
import { dirname, resolve } from 'node:path'
import { InputError } from '../error.ts'
import { WriteError } from '../whole_file.ts'
import { factsOf, isFolder } from './lookup.ts'
import { codeOf, reasonOf } from './reason.ts'

/** Codes of a full or broken disk; with any other, the path itself is wrong. */
const DISK_FAULTS = ['ENOSPC', 'EDQUOT', 'EIO', 'ESTALE', 'EMFILE', 'ENFILE', 'ENOMEM']

/**
 * Makes a folder and those above it. Returns the uppermost one that did not exist. `purpose` says for what: "a folder for the results".
 * Throws InputError if the path cannot be one, WriteError if the disk is full or broken.
 */
export function makeFolder(path: string, purpose: string): string | undefined {
  try {
    return makeFolders(path)
  } catch (error) {
    const message = `${path}: cannot create ${purpose} (${obstacleOf(path) ?? reasonOf(error)})`
    if (DISK_FAULTS.includes(codeOf(error) ?? '')) throw new WriteError(message, { cause: error })
    throw new InputError(message, { cause: error })
  }
}

/** As makeFolder; throws the system's error. Node's own recursive call never ends where a file system has no folders to make, as /proc. */
export function makeFolders(path: string): string | undefined {
  const missing: string[] = []
  // a file on the way ends the search; making a folder in its place, or below it, throws
  for (let at = resolve(path); !isFolder(at); at = dirname(at)) {
    if (missing.length > 0 && factsOf(at) !== undefined) break
    missing.unshift(at)
  }
  for (const folder of missing) makeIfMissing(folder)
  return missing[0]
}

/** What is on the way and no folder: a file, a link that leads nowhere. */
function obstacleOf(path: string): string | undefined {
  for (let at = resolve(path); at !== dirname(at); at = dirname(at)) {
    if (!isAnything(at)) continue
    return isFolder(at) ? undefined : `${at} is no folder`
  }
  return undefined
}

function isAnything(path: string): boolean {
  try {
    return fs.lstatSync(path) !== undefined
  } catch {
    return false
  }
}

function makeIfMissing(folder: string): void {
  try {
    fs.mkdirSync(folder)
  } catch (error) {
    // another process may have made it just now
    if (codeOf(error) !== 'EEXIST' || !isFolder(folder)) throw error
  }
}

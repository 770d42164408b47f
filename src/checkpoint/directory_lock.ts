import { createHash } from 'node:crypto'
import { linkSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { InputError } from '../util/error.ts'
import { makeFolder } from '../util/files/folder.ts'
import { codeOf, reasonOf } from '../util/files/reason.ts'
import { replaceFile } from '../util/files/rename.ts'
import { printable } from '../util/listing.ts'
import { removeStale, temporaryOf, WriteError } from '../util/whole_file.ts'
import { type Holder, holderIn, isGone, thisProcess } from './lock_holder.ts'

/** Characters that suffice to tell the locks of a folder apart. */
const DIGEST = 16

/**
 * Reserves a checkpoint directory for one training, so that two never write the same files.
 *
 * A lock is a file of its own that is linked to `.lock`; only one process can create that. The lock of a process that is gone is not removed,
 * because another might have replaced it meanwhile. It is succeeded: the new lock is linked to a name made from the old one's text, which only
 * one process can create either. Then it replaces `.lock` in one step. So the locks are a chain, `.lock` is its head, and its last link holds
 * the directory. A process that read a head which has been replaced since finds that the chain does not lead to its own link, and withdraws.
 */
export class DirectoryLock {
  private readonly path: string
  private readonly text: string
  private readonly atExit = (): void => this.release()

  private constructor(path: string, text: string) {
    this.path = path
    this.text = text
    process.on('exit', this.atExit)
  }

  /**
   * Creates the directory if necessary and locks it. Succeeds a dead process and removes its half-written files. Throws InputError if
   * another training holds the directory, if it cannot be a folder, or if `.lock` is no lock; WriteError if it is not writable.
   */
  static take(directory: string): DirectoryLock {
    const path = pathOf(directory)
    const text = JSON.stringify(thisProcess())
    makeFolder(directory, 'a folder for checkpoints')
    try {
      while (!isTaken(directory, text));
      for (const name of readdirSync(directory))
        if (/^\.{1,2}lock\.|^\..*\.pth\.\d+\.tmp$/.test(name)) rmSync(join(directory, name), { force: true })
      removeStale(path)
    } catch (error) {
      if (error instanceof InputError) throw error
      throw WriteError.at(path, error)
    }
    return new DirectoryLock(path, text)
  }

  /** A lock that cannot be removed holds nothing once this process has ended. */
  release(): void {
    process.off('exit', this.atExit)
    try {
      if (textOf(this.path) === this.text) rmSync(this.path, { force: true })
    } catch {}
  }
}

/** Adds a lock of this text to the chain and makes it the head. False if another process was faster. Throws as `freeEnd` does. */
function isTaken(directory: string, text: string): boolean {
  const path = pathOf(directory)
  const end = freeEnd(directory)
  if (!isLinked(end, text, temporaryOf(path))) return false
  if (lastOf(path)?.text !== text) {
    if (textOf(end) === text) rmSync(end, { force: true })
    return false
  }
  if (end !== path) replaceFile(end, path)
  return true
}

/** Throws InputError, which names the holder, if another training holds the directory, or if its lock is no lock. */
export function refuseIfHeld(directory: string): void {
  freeEnd(directory)
}

/** Where the next lock of the chain goes: `.lock` where there is none. Throws InputError if the last one holds the directory. */
function freeEnd(directory: string): string {
  const path = pathOf(directory)
  const last = lastOf(path)
  if (!last) return path
  const { holder } = last
  if (!holder || isGone(holder)) return successorOf(path, last.text)
  const { pid, host, since, process: identity } = holder
  const isCertain = host === hostname() && identity !== undefined
  const other = isCertain ? '' : `; if that training is gone, remove ${path}`
  throw new InputError(
    `${directory}: in use by another training, process ${pid} on ${printable(host)} since ${printable(since)}; expected another checkpoint.save_dir${other}`,
  )
}

interface Link {
  text: string
  /** undefined: a kill cut the lock short, which holds nothing */
  holder: Holder | undefined
}

/** The last link of the chain that begins at `path`; undefined if there is none. */
function lastOf(path: string): Link | undefined {
  let last: Link | undefined
  for (let at = path; ; at = successorOf(path, last.text)) {
    const text = textOf(at)
    if (text === undefined) return last
    const holder = holderIn(text)
    if (holder === null) throw noLock(at, 'a file of another kind')
    last = { text, holder }
  }
}

function pathOf(directory: string): string {
  return join(directory, '.lock')
}

function successorOf(path: string, text: string): string {
  return `${path}.${createHash('sha256').update(text).digest('hex').slice(0, DIGEST)}`
}

/** Creates `path` with this text in one step, by way of the file `own`. False if another process was faster. */
function isLinked(path: string, text: string, own: string): boolean {
  try {
    writeFileSync(own, text)
    linkSync(own, path)
    return true
  } catch (error) {
    const code = codeOf(error) ?? ''
    if (code === 'EEXIST') return textOf(path) === text // NFS may repeat a call that has succeeded
    if (code === 'ENOENT') return false // a new holder removed `own` as a leftover
    if (['EPERM', 'ENOTSUP', 'ENOSYS'].includes(code)) return isCreated(path, text)
    throw error
  } finally {
    rmSync(own, { force: true })
  }
}

/** As `isLinked`, on file systems without links. */
function isCreated(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** The text of a lock; undefined if there is none. Throws InputError if it cannot be read or is no file. */
function textOf(path: string): string | undefined {
  try {
    // checked before opening: opening a named pipe would block forever
    const facts = lstatSync(path)
    if (!facts.isFile()) throw noLock(path, facts.isDirectory() ? 'a folder' : 'not a regular file')
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof InputError) throw error
    const code = codeOf(error)
    if (code === 'ENOENT') return undefined
    if (code === 'ENOTDIR') throw new InputError(`${dirname(path)}: not a folder, expected one for checkpoints`)
    throw new InputError(`${path}: cannot be read (${reasonOf(error)})`, { cause: error })
  }
}

function noLock(path: string, found: string): InputError {
  return new InputError(
    `${path}: ${found}, expected the lock of a training; if no training uses this folder, remove it or set another checkpoint.save_dir`,
  )
}

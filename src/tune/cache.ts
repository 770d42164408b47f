import { dirname, join } from 'node:path'
import { userCacheDirectory } from '../util/cache_directory.ts'
import { messageOf } from '../util/error.ts'
import { makeFolders } from '../util/files/folder.ts'
import { codeOf } from '../util/files/reason.ts'
import { PACKAGE_ROOT } from '../util/package_root.ts'
import { readText, writeText, writing } from '../util/whole_file.ts'
import { type AdapterIdentity, fileNameOf } from './adapter_identity.ts'
import { type Measurement, TunedTable } from './table.ts'

const NOT_THERE = ['ENOENT', 'ENOTDIR']

/** The table that the package ships for a family of adapters. It is stored with the shaders, because it is valid for their text only. */
export function shippedPath({ family }: AdapterIdentity): string {
  return join(PACKAGE_ROOT, 'shaders', 'tuned', `${family}.json`)
}

/** Undefined if the file does not exist or, after a warning, if it is damaged. */
export function readTable(path: string, warn: (line: string) => void): TunedTable | undefined {
  try {
    return TunedTable.parse(readText(path))
  } catch (error) {
    const message = messageOf(error)
    const why = message.startsWith(path) ? message : `${path}: cannot be read (${message})`
    if (!NOT_THERE.includes(codeOf(error) ?? '')) warn(`${why}; choosing kernels without it`)
    return undefined
  }
}

/** Writes the table to a file and makes the file's folder. Throws WriteError. */
export function writeTable(path: string, table: TunedTable): void {
  writing(path, () => makeFolders(dirname(path)))
  writeText(path, table.toText())
}

/**
 * This machine's measurements of one adapter, in the user's cache directory. An unreadable file counts as empty; an unwritable one
 * is left alone. Both give a one-line warning. Several processes may write at the same time: each merges the file with everything
 * it has measured and replaces it atomically.
 */
export class TuningCache {
  readonly path: string
  readonly table: TunedTable
  private readonly warn: (line: string) => void
  private isWritable = true

  constructor(identity: AdapterIdentity, warn: (line: string) => void) {
    this.path = join(userCacheDirectory(), 'tuned', fileNameOf(identity))
    this.warn = warn
    this.table = readTable(this.path, warn) ?? new TunedTable(identity.name)
  }

  /** Adds a measurement and writes the file. */
  add(signature: string, digest: string, measurement: Measurement): void {
    this.table.set(signature, digest, measurement)
    if (!this.isWritable) return
    // Merge what other processes have written. The constructor has already warned about a damaged file.
    const now = readTable(this.path, () => undefined)
    if (now) this.table.complete(now)
    try {
      writeTable(this.path, this.table)
    } catch (error) {
      this.isWritable = false
      this.warn(`${messageOf(error)}; measurements apply to this run only`)
    }
  }
}

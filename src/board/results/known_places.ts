import fs from 'node:fs'
import { dirname, resolve } from 'node:path'
import { InputError } from '../../util/error.ts'
import { isWithin } from '../records/own_files.ts'

/** Finds the data that results name, and only below the board's folders: a record may name any file of the machine. */
export class KnownPlaces {
  private readonly folders: readonly string[]

  constructor(folders: readonly string[]) {
    this.folders = folders
  }

  /** Whether a path, links resolved, is one of the board's folders or below one. */
  has(path: string): boolean {
    return this.folders.some(
      folder => fs.realpathSync(path) === fs.realpathSync(folder) || isWithin(fs.realpathSync(path), folder),
    )
  }

  /**
   * The path that a command recorded, which may be relative to where it ran: that is mostly where the board runs, or a folder above the results.
   * Throws InputError: nothing there, or outside the board's folders.
   */
  find(recorded: string, results: string): string {
    const bases = [process.cwd(), ...this.folders, ...foldersAbove(results)]
    const found = [...new Set(bases.map(base => resolve(base, recorded)))].filter(path => fs.existsSync(path))
    const allowed = found.find(path => this.has(path))
    if (allowed !== undefined) return allowed
    if (found.length === 0) throw new InputError(`${recorded}: is not there any more`)
    throw new InputError(`${recorded}: is outside the folders of this board; add its folder to the command`)
  }
}

function foldersAbove(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [] : [parent, ...foldersAbove(parent)]
}

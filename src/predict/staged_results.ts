import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { makeFolder } from '../util/files/folder.ts'
import { writing } from '../util/whole_file.ts'

/** Writes results into a hidden folder within the results' folder, and moves them into place once all are complete. */
export class StagedResults {
  private readonly folder: string
  private readonly stage: string
  private readonly paths: string[] = []

  /** `folder` must exist. */
  constructor(folder: string) {
    this.folder = folder
    this.stage = writing(folder, () => mkdtempSync(join(folder, '.predict-')))
  }

  /** Where to write the result that becomes FOLDER/…parts. */
  path(...parts: string[]): string {
    const path = this.scratch(...parts)
    this.paths.push(path)
    return path
  }

  /** Runs `write`. If it throws, removes what it has written. */
  undoing<T>(write: () => T): T {
    const before = this.paths.length
    try {
      return write()
    } catch (error) {
      for (const path of this.paths.splice(before)) rmSync(path, { force: true })
      throw error
    }
  }

  /** Where to write temporary files. */
  scratch(...parts: string[]): string {
    const path = join(this.stage, ...parts)
    makeFolder(dirname(path), 'a folder for the results')
    return path
  }

  /** Moves all results into place and replaces older ones. Returns their paths. */
  commit(): string[] {
    const moved = this.paths.map(path => {
      const target = join(this.folder, relative(this.stage, path))
      makeFolder(dirname(target), 'a folder for the results')
      writing(target, () => renameSync(path, target))
      return target
    })
    this.abandon()
    return moved
  }

  /** Removes everything that has not been moved. */
  abandon(): void {
    rmSync(this.stage, { recursive: true, force: true })
  }
}

import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** Results on their way: written into a hidden folder within the results' own, and moved out of it when all of them are whole. */
export class StagedResults {
  private readonly folder: string
  private readonly stage: string
  private readonly paths: string[] = []

  /** `folder` exists. */
  constructor(folder: string) {
    this.folder = folder
    this.stage = mkdtempSync(join(folder, '.predict-'))
  }

  /** Where to write the result that shall be FOLDER/…parts. */
  path(...parts: string[]): string {
    const path = this.scratch(...parts)
    this.paths.push(path)
    return path
  }

  /** Where to write what is no result. */
  scratch(...parts: string[]): string {
    const path = join(this.stage, ...parts)
    mkdirSync(dirname(path), { recursive: true })
    return path
  }

  /** Moves all results to where they belong, in place of older ones. Returns their paths. */
  commit(): string[] {
    const moved = this.paths.map(path => {
      const target = join(this.folder, relative(this.stage, path))
      mkdirSync(dirname(target), { recursive: true })
      renameSync(path, target)
      return target
    })
    this.abandon()
    return moved
  }

  /** Removes what was written. */
  abandon(): void {
    rmSync(this.stage, { recursive: true, force: true })
  }
}

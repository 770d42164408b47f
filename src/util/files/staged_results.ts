import { mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isRunning, writing } from '../whole_file.ts'
import { makeFolder } from './folder.ts'
import { namesIn } from './lookup.ts'
import { ResultFolder } from './result_folder.ts'

const STAGE = '.staged-'

/** Writes results into a hidden folder within the results' folder, and moves them into place once all are complete. */
export class StagedResults {
  private readonly folder: ResultFolder
  /** the hidden folder */
  readonly stage: string
  /** where the results are, by their names */
  private readonly files = new Map<string, string>()
  private readonly claimed = new Set<string>()

  /** `folder` must exist. `overwrite` lets results replace files that are none. */
  constructor(folder: string, { overwrite }: { overwrite?: boolean | undefined } = {}) {
    this.folder = new ResultFolder(folder, { overwrite })
    removeStages(folder)
    this.stage = writing(folder, () => mkdtempSync(join(folder, `${STAGE}${process.pid}-`)))
  }

  /** Throws InputError if one of these results would replace a file that is none. */
  claim(names: readonly string[]): void {
    const others = names.filter(name => !this.claimed.has(name))
    this.folder.claim(others)
    for (const name of others) this.claimed.add(name)
  }

  /** Where to write the result that becomes FOLDER/…parts. Throws as `claim` does. */
  path(...parts: string[]): string {
    const name = join(...parts)
    this.claim([name])
    const path = this.scratch(name)
    this.files.set(name, path)
    return path
  }

  /** Takes over results of these names from another folder. Throws as `claim` does. */
  adopt(names: readonly string[], from: string): void {
    this.claim(names)
    for (const name of names) this.files.set(name, join(from, name))
  }

  /** Runs `write`. If it throws, removes what it has written. */
  undoing<T>(write: () => T): T {
    const before = this.files.size
    try {
      return write()
    } catch (error) {
      for (const [name, path] of [...this.files].slice(before)) {
        rmSync(path, { force: true })
        this.files.delete(name)
      }
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
    const moved = this.folder.take(this.files)
    this.abandon()
    return moved
  }

  /** Removes everything that has not been moved. */
  abandon(): void {
    removeTree(this.stage)
  }
}

/** Removes what killed commands left. */
function removeStages(folder: string): void {
  for (const name of namesIn(folder)) {
    const pid = name.startsWith(STAGE) ? /^(\d+)-\w+$/.exec(name.slice(STAGE.length))?.[1] : undefined
    if (pid !== undefined && !isRunning(Number(pid))) removeTree(join(folder, name))
  }
}

/** What cannot be removed stays for the next command: the results are there, or another error is the one to tell. */
function removeTree(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true })
  } catch {}
}

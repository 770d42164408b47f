import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { RunFiles } from './files.ts'

/** Lines of JSON in a run's hidden folder, each handed to the system when it is added, so that a kill loses none. */
export class Journal {
  private readonly files: RunFiles
  private readonly path: string
  private file: number | undefined
  private isWhole = true

  constructor(files: RunFiles, name: string) {
    this.files = files
    this.path = join(files.hidden, name)
    files.attempt(this.path, () => {
      this.file = openSync(this.path, 'a')
    })
  }

  /** Adds a line. After one that could not be written nothing is added until the journal starts anew. */
  add(value: unknown): void {
    const { file } = this
    if (file === undefined || !this.isWhole) return
    const line = Buffer.from(`${JSON.stringify(value)}\n`)
    this.isWhole = this.files.attempt(this.path, () => {
      if (writeSync(file, line) !== line.length) throw new Error('no space left on device')
    })
  }

  /** Makes it empty. */
  restart(): void {
    const { file } = this
    if (file !== undefined) this.isWhole = this.files.attempt(this.path, () => ftruncateSync(file))
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file)
    this.file = undefined
  }
}

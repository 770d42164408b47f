import { closeSync, existsSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from '../util/files/reason.ts'
import { readText } from '../util/whole_file.ts'
import type { RunFiles } from './run_files.ts'

/**
 * Lines of JSON in the hidden folder of a run. Lines added in one turn of the event loop are written together at its end, so a kill
 * loses no line of an earlier turn. The journal consists of numbered files: old ones can be removed while new lines arrive.
 */
export class Journal {
  private readonly files: RunFiles
  private readonly name: string
  /** The files of the journal; new lines go to the last one. */
  private readonly segments: string[] = []
  private opened = 0
  private file: number | undefined
  private waiting = ''

  constructor(files: RunFiles, name: string) {
    this.files = files
    this.name = name
    this.open()
  }

  /** Adds a line of JSON. After a failed write, lines are dropped until the next rotation. */
  add(line: string): void {
    if (this.file === undefined) return
    if (this.waiting === '') queueMicrotask(() => this.flush())
    this.waiting += `${line}\n`
  }

  /** Starts a new file. The returned function removes all earlier files; calling it is optional. */
  rotate(): () => void {
    this.close()
    const count = this.segments.length
    this.open()
    return () => {
      for (const path of this.segments.splice(0, count)) this.files.attempt(path, () => rmSync(path, { force: true }))
    }
  }

  close(): void {
    this.flush()
    if (this.file !== undefined) closeSync(this.file)
    this.file = undefined
  }

  private flush(): void {
    const { file } = this
    const lines = Buffer.from(this.waiting)
    this.waiting = ''
    if (file === undefined || lines.length === 0) return
    const isWritten = this.files.attempt(this.segments.at(-1)!, () => {
      if (writeSync(file, lines) !== lines.length) throw new Error('no space left on device')
    })
    if (!isWritten) this.close()
  }

  private open(): void {
    const path = join(this.files.hidden, `${this.name}.${this.opened++}.jsonl`)
    this.segments.push(path)
    this.files.attempt(path, () => {
      this.file = openSync(path, 'a')
    })
  }
}

/** Reads the lines of a journal in order. A file ends at a line that a kill has truncated. */
export function readJournal(hidden: string, name: string): unknown[] {
  return journalFiles(hidden, name).flatMap(readLines)
}

/** The files of a journal in order; none if it has none. */
export function journalFiles(hidden: string, name: string): string[] {
  if (!existsSync(hidden)) return []
  const numbers = readdirSync(hidden).flatMap(file => {
    const [, of, number] = /^(.+)\.(\d+)\.jsonl$/.exec(file) ?? []
    return of === name ? [Number(number)] : []
  })
  return numbers.sort((a, b) => a - b).map(number => join(hidden, `${name}.${number}.jsonl`))
}

function readLines(path: string): unknown[] {
  const values: unknown[] = []
  for (const line of readIfThere(path).split('\n')) {
    try {
      values.push(JSON.parse(line))
    } catch {
      break
    }
  }
  return values
}

/** A live run may remove a file at any moment. */
function readIfThere(path: string): string {
  try {
    return readText(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return ''
    throw error
  }
}

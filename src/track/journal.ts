import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { RunFiles } from './run_files.ts'

/**
 * Lines of JSON in a run's hidden folder. Those that are added together are handed to the system together, before the event loop
 * turns, so that a kill loses none of an earlier turn. They lie in numbered files: those that have found their place elsewhere go
 * while new lines come.
 */
export class Journal {
  private readonly files: RunFiles
  private readonly name: string
  /** Files that may have lines; the last one is written to. */
  private readonly segments: string[] = []
  private opened = 0
  private file: number | undefined
  private waiting = ''

  constructor(files: RunFiles, name: string) {
    this.files = files
    this.name = name
    this.open()
  }

  /** Adds a line, a value in JSON. After one that could not be written nothing is added until the next turn. */
  add(line: string): void {
    if (this.file === undefined) return
    if (this.waiting === '') queueMicrotask(() => this.flush())
    this.waiting += `${line}\n`
  }

  /** From here on lines go into a new file. The function returned takes all earlier ones away; it may be left uncalled. */
  turn(): () => void {
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

/** What a journal's lines in a hidden folder held, in their order. A line torn by a kill ends its file. */
export function readJournal(hidden: string, name: string): unknown[] {
  if (!existsSync(hidden)) return []
  const numbers = readdirSync(hidden).flatMap(file => {
    const [, of, number] = /^(.+)\.(\d+)\.jsonl$/.exec(file) ?? []
    return of === name ? [Number(number)] : []
  })
  return numbers.sort((a, b) => a - b).flatMap(number => readLines(join(hidden, `${name}.${number}.jsonl`)))
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

/** A run that goes on may take a file away at any moment. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

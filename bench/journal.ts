import { appendFileSync, existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { InputError } from '../src/util/error.ts'
import { makeFolder } from '../src/util/files/folder.ts'
import { readText, writeText, writing } from '../src/util/whole_file.ts'

interface Entry {
  name: string
  /** ISO time of its end */
  at: string
  value: unknown
}

/**
 * The measurements so far, one line of JSON each, so that an interrupted run can continue. The first line is the request.
 */
export class Journal {
  private readonly path: string
  private readonly known: Map<string, Entry>
  private readonly say: (line: string) => void

  private constructor(path: string, entries: readonly Entry[], say: (line: string) => void) {
    this.path = path
    this.say = say
    this.known = new Map(entries.map(entry => [entry.name, entry]))
  }

  /** `resume` keeps the measurements in the file. Throws InputError with the remedy if they belong to a different request. */
  static open(
    path: string,
    request: object,
    resume: boolean,
    say: (line: string) => void,
    remedy = 'omit --resume to start over',
  ): Journal {
    const head = JSON.stringify(request)
    const [first, ...lines] = resume && existsSync(path) ? readText(path).split('\n') : []
    if (!resume && existsSync(path) && !isJournal(path, request))
      throw new InputError(`${path}: exists and holds no measurements, expected another file for --journal`)
    if (first !== undefined && first !== head)
      throw new InputError(`${path}: measured with ${first}, expected ${head}; ${remedy}`)
    const entries = lines.flatMap(parsed)
    makeFolder(dirname(path), 'a folder for the measurements')
    writeText(path, [head, ...entries.map(entry => JSON.stringify(entry)), ''].join('\n'))
    return new Journal(path, entries, say)
  }

  /** All values in the file, in their order. */
  values<T>(): T[] {
    return [...this.known.values()].map(({ value }) => value as T)
  }

  /** Returns the value from the file, or measures and writes it. Failures are not written, so they are retried. */
  async once<T>(name: string, measure: () => Promise<T>): Promise<T> {
    const entry = this.known.get(name)
    if (entry) {
      this.say(`  ${name}: measured at ${entry.at}`)
      return entry.value as T
    }
    const value = await measure()
    const measured: Entry = { name, at: new Date().toISOString(), value }
    this.known.set(name, measured)
    const line = `${JSON.stringify(measured)}\n`
    writing(this.path, () => appendFileSync(this.path, line))
    return value
  }
}

/** Whether the first line of a file is a request of these keys. */
function isJournal(path: string, request: object): boolean {
  const [first = ''] = readText(path).split('\n', 1)
  const keys = (value: object | null): string => Object.keys(value ?? {}).join()
  return parsed(first).some(head => keys(head) === keys(request))
}

/** Ignores a truncated line. */
function parsed(line: string): Entry[] {
  try {
    return [JSON.parse(line) as Entry]
  } catch {
    return []
  }
}

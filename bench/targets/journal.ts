import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { InputError } from '../../src/util/error.ts'

interface Entry {
  name: string
  /** ISO time of its end */
  at: string
  value: unknown
}

/**
 * What was measured so far: a file of a line of JSON each, so that a long run that was stopped can go on where it was. The first
 * line is what was asked for.
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

  /** `resume`: what the file holds counts as measured. Throws InputError when that was asked for in another way. */
  static open(path: string, request: object, resume: boolean, say: (line: string) => void): Journal {
    const head = JSON.stringify(request)
    const [first, ...lines] = resume && existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
    if (first !== undefined && first !== head)
      throw new InputError(`${path}: is of ${first}, expected ${head}; leave --resume out to begin anew`)
    const entries = lines.flatMap(parsed)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, [head, ...entries.map(entry => JSON.stringify(entry)), ''].join('\n'))
    return new Journal(path, entries, say)
  }

  /** The value of this name in the file; else measures it and writes it there. A failure is not written: it is tried again. */
  async once<T>(name: string, measure: () => Promise<T>): Promise<T> {
    const entry = this.known.get(name)
    if (entry) {
      this.say(`  ${name}: was measured at ${entry.at}`)
      return entry.value as T
    }
    const value = await measure()
    appendFileSync(this.path, `${JSON.stringify({ name, at: new Date().toISOString(), value } satisfies Entry)}\n`)
    return value
  }
}

/** A line that was cut off in the middle counts for nothing. */
function parsed(line: string): Entry[] {
  try {
    return [JSON.parse(line) as Entry]
  } catch {
    return []
  }
}

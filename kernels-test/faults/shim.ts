import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** In the order of shim.c. */
const OPERATIONS = [
  ...['write', 'fsync', 'rename', 'open', 'mkdir', 'link', 'unlink', 'truncate', 'close'],
  ...['read', 'open to read', 'stat', 'list'],
] as const
export type Operation = (typeof OPERATIONS)[number]

export interface Fault {
  operation: Operation
  /** which such operation fails, from 1 */
  nth: number
  /** all from there fail */
  isSticky: boolean
  /** `short`: a write writes half of what it is given */
  error: 'EIO' | 'ENOSPC' | 'EACCES' | 'short'
}

export interface Call {
  operation: Operation
  path: string
  hasFailed: boolean
}

/** The page's layout: 32-bit words, a path, a log. */
const WORDS = { watched: 0, nth: 1, sticky: 2, error: 3, count: 4, failed: 5, logged: 6 } as const
const PATH_AT = 28 // bytes
const PATH_BYTES = 1024
const LOG_AT = PATH_AT + PATH_BYTES
const LOG_BYTES = 2 ** 20

/** Why no faults can be injected here; undefined where they can. */
export const noShim: string | undefined =
  process.platform !== 'linux'
    ? 'file operations are intercepted as on Linux'
    : spawnSync('gcc', ['--version']).status !== 0
      ? 'needs gcc'
      : undefined

/** The library that lets file operations of a process fail, and the page that says which. */
export class Shim {
  /** what a process needs in its environment to be under the shim */
  readonly environment: NodeJS.ProcessEnv
  private readonly page: string

  /** Compiles the library into `folder`. */
  constructor(folder: string) {
    const library = join(folder, 'shim.so')
    const source = fileURLToPath(new URL('shim.c', import.meta.url))
    const { status, stderr } = spawnSync('gcc', ['-O1', '-shared', '-fPIC', '-o', library, source, '-ldl'], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`gcc ends with ${status}: ${stderr}`)
    this.page = join(folder, 'page')
    writeFileSync(this.page, new Uint8Array(LOG_AT + LOG_BYTES))
    this.environment = { LD_PRELOAD: library, FAULTS_PAGE: this.page }
  }

  /** Counts the operations on paths that contain `path`; a fault lets some of them fail. */
  watch(path: string, operations: readonly Operation[], fault?: Fault): void {
    const file = openSync(this.page, 'r+')
    const text = Buffer.alloc(PATH_BYTES)
    text.write(path)
    writeSync(file, text, 0, PATH_BYTES, PATH_AT)
    const errno = fault && fault.error !== 'short' ? constants.errno[fault.error] : 0
    const words = { nth: fault?.nth ?? 0, sticky: Number(fault?.isSticky ?? false), error: errno }
    for (const [name, value] of Object.entries({ ...words, count: 0, failed: 0, logged: 0 }))
      writeWord(file, name as keyof typeof WORDS, value)
    const bits = operations.reduce((set, name) => set | (1 << OPERATIONS.indexOf(name)), 0)
    writeWord(file, 'watched', bits)
    closeSync(file)
  }

  /** Ends the watch. Returns the operations that were seen, in order. */
  unwatch(): Call[] {
    const file = openSync(this.page, 'r+')
    writeWord(file, 'watched', 0)
    closeSync(file)
    const page = readFileSync(this.page)
    const end = Math.min(page.readUInt32LE(4 * WORDS.logged), LOG_BYTES)
    const lines = page
      .toString('utf8', LOG_AT, LOG_AT + end)
      .split('\n')
      .slice(0, -1)
    return lines.map(line => {
      const [name, path] = line.replace(/^!/, '').split('\t') as [Operation, string]
      return { operation: name, path, hasFailed: line.startsWith('!') }
    })
  }
}

function writeWord(file: number, name: keyof typeof WORDS, value: number): void {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  writeSync(file, bytes, 0, 4, 4 * WORDS[name])
}

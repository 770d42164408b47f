import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { InputError } from '../../src/util/error.ts'
import { readText } from '../../src/util/whole_file.ts'
import { nodeParameters } from '../processes.ts'

/** Ticks per second of processor times in /proc, on every Linux that Node runs on. */
const TICKS = 100

/** A board in a process of its own, so that its memory and processor time can be measured (Linux). */
export class BoardProcess {
  readonly url: string
  private readonly child: ChildProcess

  private constructor(child: ChildProcess, url: string) {
    this.child = child
    this.url = url
  }

  /** Starts a board over a folder; it remembers what it read in `cache`. Throws InputError if it does not start. */
  static async start(folder: string, cache: string): Promise<BoardProcess> {
    const child = spawn(process.execPath, [...nodeParameters('cli/main.ts'), 'board', folder, '--port', '0'], {
      env: { ...process.env, XDG_CACHE_HOME: cache },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let last = ''
    for await (const line of createInterface(child.stderr!)) {
      last = line
      const url = /http:\S+/.exec(line)?.[0]
      if (url !== undefined) return new BoardProcess(child, url)
    }
    throw new InputError(`the board did not start: ${last}`)
  }

  /** Bytes in memory now, and at most so far. */
  get memory(): { resident: number; peak: number } {
    const status = readText(`/proc/${this.child.pid}/status`)
    const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)![1]) * 1024
    return { resident: bytes('VmRSS'), peak: bytes('VmHWM') }
  }

  /** Of all threads, in seconds. */
  get processorSeconds(): number {
    // the name, in brackets, may hold spaces
    const fields = readText(`/proc/${this.child.pid}/stat`)
      .replace(/^.*\) /, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS
  }

  /** Seconds until the whole answer is here, and the answer. */
  async ask<T>(path: string): Promise<{ seconds: number; answer: T; bytes: number }> {
    const start = performance.now()
    const response = await fetch(new URL(path, this.url))
    const text = await response.text()
    if (!response.ok) throw new Error(`${path}: ${text}`)
    return { seconds: (performance.now() - start) / 1000, answer: JSON.parse(text) as T, bytes: text.length }
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'close')
    this.child.kill('SIGTERM')
    await ended
  }
}

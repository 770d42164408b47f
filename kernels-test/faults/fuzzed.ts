import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { outOfPatience } from './patience.ts'

/** What became of a damaged input. */
export interface Fuzzed {
  name: string
  input: number
  end: 'accepted' | 'refused' | 'decodes otherwise' | 'crashed' | 'hangs' | 'died'
  message: string
  /** the folder of the input */
  place: string
  /** most memory of the process meanwhile, in bytes */
  peak: number
}

const LONGEST = 10_000 // ms of processor time for one input

/** Reads damaged inputs in a process of its own, and starts another one behind an input that hangs. */
export class Fuzzer {
  /** format → inputs */
  formats = new Map<string, number>()
  private readonly folder: string
  private readonly seed: number
  private child!: ChildProcess

  private constructor(folder: string, seed: number) {
    this.folder = folder
    this.seed = seed
  }

  static async start(folder: string, seed: number): Promise<Fuzzer> {
    const fuzzer = new Fuzzer(folder, seed)
    await fuzzer.restart()
    return fuzzer
  }

  end(): void {
    this.child.kill('SIGKILL')
  }

  async all(name: string): Promise<Fuzzed[]> {
    const found: Fuzzed[] = []
    for (let before = -1; found.length < this.formats.get(name)!; ) {
      const lost = await this.some(name, found)
      if (lost === undefined) break
      if (lost === 'died' && found.length === before) throw new Error(`${name}: the fuzzer dies at input ${before}`)
      before = found.length + 1
      found.push({ name, input: found.length, end: lost, message: '', place: '', peak: 0 })
      this.end()
      await this.restart()
    }
    return found
  }

  private async restart(): Promise<void> {
    const script = fileURLToPath(new URL('children/fuzzer.ts', import.meta.url))
    this.child = fork(script, [this.folder, String(this.seed)], { execArgv: ['--import', 'tsx'] })
    const [formats] = await once(this.child, 'message')
    this.formats = new Map(formats as [string, number][])
  }

  /** Adds to `found` what the process tells. Resolves with how it ended before it was done, or with nothing. */
  private some(name: string, found: Fuzzed[]): Promise<'hangs' | 'died' | undefined> {
    const { child } = this
    return new Promise(resolve => {
      let limit = new AbortController()
      const expectInput = (): void => {
        limit.abort()
        limit = new AbortController()
        outOfPatience(child.pid!, LONGEST, limit.signal).then(end => end && finish(end))
      }
      const hear = (message: Fuzzed | 'done'): void => {
        expectInput()
        if (message === 'done') finish(undefined)
        else found.push(message)
      }
      const die = (): void => finish('died')
      const finish = (end: 'hangs' | 'died' | undefined): void => {
        limit.abort()
        child.off('message', hear).off('exit', die)
        resolve(end)
      }
      child.on('message', hear).on('exit', die)
      expectInput()
      child.send({ name, from: found.length })
    })
  }
}

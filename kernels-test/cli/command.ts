import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { PROGRAM } from './program.ts'
import { runResident } from './resident.ts'

/** Dawn tells standard error so when it opens some adapters; no option of it turns that off. */
const DAWN_NOTE = /^Warning: max\w+ artificially reduced .*\n/gm

export interface Finished {
  code: number | null
  stdout: string
  /** without what Dawn says by itself */
  stderr: string
}

/** The command line in a process of its own, as a user starts it, in the folder `cwd`. */
export class Command {
  readonly child: ChildProcess
  readonly finished: Promise<Finished>
  private readonly text = { stdout: '', stderr: '' }
  private readonly waiting: { pattern: RegExp; found: () => void }[] = []

  constructor(words: readonly string[], cwd: string) {
    this.child = spawn(process.execPath, [PROGRAM, ...words], { cwd, env: environment() })
    for (const name of ['stdout', 'stderr'] as const)
      this.child[name]!.setEncoding('utf8').on('data', (text: string) => this.hear(name, text))
    this.finished = new Promise(resolve => {
      this.child.on('close', code =>
        resolve({ code, stdout: this.text.stdout, stderr: this.text.stderr.replace(DAWN_NOTE, '') }),
      )
    })
  }

  private hear(name: 'stdout' | 'stderr', text: string): void {
    this.text[name] += text
    for (const { pattern, found } of this.waiting) if (pattern.test(this.text.stderr)) found()
  }

  /** Resolves once standard error has said so. Throws with all it said where the process ends first. */
  async says(pattern: RegExp): Promise<void> {
    const said = new Promise<true>(resolve => {
      this.waiting.push({ pattern, found: () => resolve(true) })
      if (pattern.test(this.text.stderr)) resolve(true)
    })
    const end = await Promise.race([said, this.finished])
    if (end !== true) throw new Error(`ended with ${end.code} before it said ${pattern}:\n${end.stderr}`)
  }
}

/** As `Command`, where a process of its own is not what is tested: a software adapter compiles for seconds in every new one. */
export function run(words: readonly string[], cwd: string): Promise<Finished> {
  return runResident(words, cwd, environment())
}

/** `_` would name nohup if the tests were started under it. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, SADAAN_DEBUG: '', NODE_OPTIONS: '', _: '' }
}

/** Everything in a folder, at any depth. */
export function contentsOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
}

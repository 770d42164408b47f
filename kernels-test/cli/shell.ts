import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { PROGRAM } from './program.ts'
import { residentScript } from './resident.ts'

/** What a script left on its streams; `output` is both, as they came. */
export interface Ran {
  code: number | string
  stdout: string
  stderr: string
  output: string
}

interface More {
  environment?: NodeJS.ProcessEnv
}

/** A script that says nothing for so long hangs; the slowest adapter says something within a minute or two. */
const MINUTES_OF_SILENCE = 30

export interface Running {
  child: ChildProcess
  said: Readonly<Omit<Ran, 'code'>>
  finished: Promise<Ran>
}

/** Runs what a reader types: `sadaan-gpu` is the program of this checkout, run by this node. */
export class Shell {
  readonly folder: string

  /** `folder` gets the commands that stand in front of all others in PATH. */
  constructor(folder: string) {
    this.folder = folder
    mkdirSync(folder, { recursive: true })
    this.install('sadaan-gpu', `exec "${process.execPath}" "${PROGRAM}" "$@"`)
  }

  /** A shell whose `sadaan-gpu` is the resident program of the test run. */
  static resident(folder: string): Shell {
    const shell = new Shell(folder)
    shell.install('sadaan-gpu', residentScript())
    return shell
  }

  /** Adds a command: a script for sh. */
  install(name: string, script: string): void {
    const path = join(this.folder, name)
    writeFileSync(path, `#!/bin/sh\n${script}\n`)
    chmodSync(path, 0o755)
  }

  /** Runs a script in bash, which ends with its first failing command, or where it says nothing any more. */
  run(script: string, cwd: string, more: More = {}): Promise<Ran> {
    return this.start(script, cwd, more).finished
  }

  /** As `run`; the process may be sent signals, and `said` grows while it runs. */
  start(script: string, cwd: string, { environment }: More = {}): Running {
    const PATH = [this.folder, process.env.PATH].join(delimiter)
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
      cwd,
      env: { ...process.env, NODE_OPTIONS: '', PATH, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const silence = setTimeout(() => child.kill(), MINUTES_OF_SILENCE * 60_000)
    const said = { stdout: '', stderr: '', output: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        silence.refresh()
        said[name] += text
        said.output += text
      })
    const finished = new Promise<Ran>(resolve => {
      child.on('close', (code, signal) => {
        clearTimeout(silence)
        resolve({ code: code ?? signal ?? 'none', ...said })
      })
    })
    return { child, said, finished }
  }
}

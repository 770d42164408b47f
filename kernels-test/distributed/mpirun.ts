import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BUILT } from '../cli/program.ts'

/** An MPI whose ranks tests can start. */
export interface Launcher {
  name: 'Open MPI' | 'MPICH'
  /** why its tests are skipped; undefined if they can run */
  missing: string | undefined
  program: string
  options: readonly string[]
  /** a program that starts each rank */
  entry?: string
}

/** The environment of a launcher; Open MPI refuses root unless it is told twice. */
const ENVIRONMENT = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' }

/** Both kinds. Debian installs them side by side, each under its own name. */
export const launchers: readonly Launcher[] = [
  launcher('Open MPI', /Open MPI|OpenRTE|PRRTE/, ['mpirun.openmpi', 'mpirun'], ['--oversubscribe']),
  launcher('MPICH', /HYDRA|Intel/, ['mpirun.mpich', 'mpirun'], []),
]

function launcher(name: Launcher['name'], version: RegExp, programs: readonly string[], options: string[]): Launcher {
  const program = programs.find(each => version.test(versionOf(each)))
  const missing = !program ? `${name}'s mpirun is not installed` : koffiIsThere() ? undefined : 'koffi is not installed'
  return { name, missing, program: program ?? '', options }
}

function versionOf(program: string): string {
  try {
    return execFileSync(program, ['--version'], {
      encoding: 'utf8',
      env: ENVIRONMENT,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  } catch {
    return ''
  }
}

function koffiIsThere(): boolean {
  try {
    createRequire(import.meta.url)('koffi')
    return true
  } catch {
    return false
  }
}

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** Ranks under mpirun: `count` processes of node that run `words`. */
export class Launched {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  private readonly text = { stdout: '', stderr: '' }

  constructor(
    { program, options, entry }: Launcher,
    count: number,
    words: readonly string[],
    env: NodeJS.ProcessEnv = {},
    cwd = process.cwd(),
  ) {
    const command = [...(entry ? [entry] : []), process.execPath, ...words]
    this.child = spawn(program, [...options, '-n', String(count), ...command], {
      env: { ...ENVIRONMENT, ...env },
      cwd,
    })
    for (const name of ['stdout', 'stderr'] as const)
      this.child[name]!.setEncoding('utf8').on('data', text => {
        this.text[name] += text
      })
    this.ended = new Promise(resolve => {
      this.child.on('close', code => resolve({ code, ...this.text }))
    })
  }

  /** Resolves once a rank has said so. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.text.stdout + this.text.stderr)
      if (found) return found
      if (this.child.exitCode !== null) throw new Error(`ended before it said ${pattern}:\n${this.text.stderr}`)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }
}

/** The words of a child program in this folder; it gets the address of the built module of ranks. */
export function childWords(name: string, ...words: string[]): string[] {
  const module = pathToFileURL(join(BUILT, 'src/distributed/ranks.js')).href
  return [join(import.meta.dirname, 'children', name), module, ...words]
}

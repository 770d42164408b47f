import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { InputError } from '../util/error.ts'
import type { Family } from './launcher.ts'
import { INSTALL_MPI, loadKoffi } from './library.ts'

/** The launcher of this machine's MPI. */
export interface Mpirun {
  program: string
  family: Family
  /** what starting ranks on this machine needs */
  options: readonly string[]
}

/**
 * The launcher that PATH names, with the options for ranks on this machine.
 * @throws InputError if it or koffi is missing
 */
export function findMpirun(): Mpirun {
  loadKoffi()
  for (const program of programsOnPath(['mpirun', 'mpiexec'])) {
    const version = versionOf(program)
    if (/Open MPI|OpenRTE|PRRTE/.test(version)) return { program, family: 'Open MPI', options: openMpiOptions() }
    if (/HYDRA|MPICH|Intel/.test(version)) return { program, family: 'MPICH', options: [] }
  }
  throw new InputError(`several ranks need mpirun, which PATH does not name: ${INSTALL_MPI}`)
}

/**
 * Open MPI starts no more ranks than cores, none as root, and each on one core, where decoding threads and software adapters would have to share it,
 * unless it is told otherwise. It kills a second after SIGTERM, too soon to save.
 */
function openMpiOptions(): string[] {
  const root = process.getuid?.() === 0 ? ['--allow-run-as-root'] : []
  return ['--oversubscribe', '--bind-to', 'none', '--mca', 'odls_base_sigkill_timeout', '10', ...root]
}

function programsOnPath(names: readonly string[]): string[] {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return names.flatMap(name => folders.map(folder => join(folder, name))).filter(path => existsSync(path))
}

function versionOf(program: string): string {
  const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' }
  try {
    return execFileSync(program, ['--version'], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return ''
  }
}

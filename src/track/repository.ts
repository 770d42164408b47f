import { execFileSync } from 'node:child_process'

/** The state of a git checkout, as Sacred records it. */
export interface Repository {
  /** Of the first remote, without user and password; `git:/PATH` where there is none, as Sacred writes it. */
  url: string
  commit: string
  /** Tracked files differ from the commit. Also true where git did not say so in time. */
  dirty: boolean
}

const PATIENCE = 10_000 // milliseconds; over a network drive git may take long

/** The git checkout that a folder lies in; undefined where there is none, no commit yet, or no git. */
export function describeRepository(directory: string): Repository | undefined {
  const commit = git(directory, 'rev-parse', '--verify', '--quiet', 'HEAD')
  const root = git(directory, 'rev-parse', '--show-toplevel')
  if (!commit || !root) return undefined
  const remote = git(directory, 'remote')?.split('\n')[0]
  const url = remote && git(directory, 'config', '--get', `remote.${remote}.url`)
  const changes = git(directory, 'status', '--porcelain', '--untracked-files=no')
  return { url: url ? withoutCredentials(url) : `git:/${root}`, commit, dirty: changes !== '' }
}

/** What git says; undefined where it fails. It takes no lock and starts no program that the checkout's settings name. */
function git(directory: string, ...words: string[]): string | undefined {
  try {
    return execFileSync('git', ['-c', 'core.fsmonitor=false', '-C', directory, ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: PATIENCE,
      maxBuffer: 64 * 2 ** 20,
      env: { ...process.env, GIT_OPTIONAL_LOCKS: '0' },
    }).trim()
  } catch {
    return undefined
  }
}

function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1')
}

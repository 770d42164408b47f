import { execFileSync } from 'node:child_process'

/** The state of a git checkout, as Sacred records it. */
export interface Repository {
  /** URL of the first remote, without user and password; `git:/PATH` if there is none, as in Sacred. */
  url: string
  commit: string
  /** Whether tracked files differ from the commit; also true if git did not answer in time. */
  dirty: boolean
}

const TIMEOUT = 10_000 // milliseconds; git may be slow on a network drive

/** The git checkout that contains a folder; undefined if there is no checkout, no commit or no git. */
export function describeRepository(directory: string): Repository | undefined {
  const commit = git(directory, 'rev-parse', '--verify', '--quiet', 'HEAD')
  const root = git(directory, 'rev-parse', '--show-toplevel')
  if (!commit || !root) return undefined
  const remote = git(directory, 'remote')?.split('\n')[0]
  const url = remote && git(directory, 'config', '--get', `remote.${remote}.url`)
  const changes = git(directory, 'status', '--porcelain', '--untracked-files=no')
  return { url: url ? withoutCredentials(url) : `git:/${root}`, commit, dirty: changes !== '' }
}

/** Output of a git command; undefined if it fails. It takes no lock and starts no program from the checkout's settings. */
function git(directory: string, ...words: string[]): string | undefined {
  try {
    return execFileSync('git', ['-c', 'core.fsmonitor=false', '-C', directory, ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: TIMEOUT,
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

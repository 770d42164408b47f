import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'

/** Text of a file of the repository; `path` has forward slashes and starts at the root. */
export function textOf(path: string): string {
  return readFileSync(join(PACKAGE_ROOT, path), 'utf8')
}

/** Files under a folder whose name ends so, paths from the root. */
export function filesUnder(folder: string, ending: string): string[] {
  return readdirSync(join(PACKAGE_ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map(path => posix.join(folder, path.replaceAll('\\', '/')))
    .filter(path => path.endsWith(ending))
    .sort()
}

/** Files that git tracks or would add; undefined where this is no clone. */
export function trackedFiles(): string[] | undefined {
  try {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: PACKAGE_ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return listed.split('\0').filter(path => path !== '')
  } catch {
    return undefined
  }
}

export interface Imports {
  /** files of the repository, from the root */
  files: string[]
  /** names of packages, `node:` modules not among them */
  packages: string[]
  /** those `node:` modules */
  node: string[]
}

const NAMES = String.raw`(?:\* as \w+|\*|\{[^}]*\}|\w+(?:, \{[^}]*\})?)`
const SPECIFIER = new RegExp(
  String.raw`^(?:import|export)(?: type)? ${NAMES} from '([^']+)'|^import '([^']+)'|\bimport\('([^'$]+)'\)|\(import\.meta\.url\)(?:\.resolve)?\('([^'$]+)'\)`,
  'gm',
)

/** What a source file imports, types, dynamic imports of a fixed name and packages whose files it looks up included. */
export function importsOf(path: string): Imports {
  return importsIn(path, () => true)
}

function importsIn(path: string, isMeant: (match: RegExpExecArray) => boolean): Imports {
  const matches = [...textOf(path).matchAll(SPECIFIER)].filter(isMeant)
  const found = matches.map(([, ...names]) => names.find(name => name !== undefined)!)
  const own = found.filter(specifier => specifier.startsWith('.'))
  const foreign = found.filter(specifier => !specifier.startsWith('.') && !specifier.startsWith('node:'))
  return {
    // vite takes what is behind a question mark
    files: own.map(specifier => posix.join(dirname(path).replaceAll('\\', '/'), specifier.replace(/\?.*$/, ''))),
    packages: foreign.map(packageOf),
    node: found.filter(specifier => specifier.startsWith('node:')),
  }
}

const OF_TYPES = /^(?:import|export) (?:type |\{(?:\s*type [^,}]+,?)+\s*\} from)/

/** What is left of a source file's imports once its types are erased. */
export function valuesImportedBy(path: string): Imports {
  return importsIn(path, ([statement]) => !OF_TYPES.test(statement))
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

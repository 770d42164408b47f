import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, extname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '../config/json.ts'
import { PACKAGE_ROOT } from '../util/package_root.ts'
import { describeRepository, type Repository } from './repository.ts'

const THIS_FILE = fileURLToPath(import.meta.url)

/**
 * The `experiment` part of a record but for its sources: what was run. Programs are named by version and digest; `dependencies` are
 * pinned, so that together with the sources and the configuration a run can be repeated.
 */
export function describeExperiment(name: string): JsonObject {
  return {
    name,
    base_dir: process.cwd(),
    mainfile: process.argv[1] === undefined ? null : fromBase(process.argv[1]),
    dependencies: dependencies(),
    repositories: repositories().map(repository => ({ ...repository })),
    program: {
      version: packageFile().version,
      code: digestOf(dirname(dirname(THIS_FILE))),
      shaders: digestOfShaders(),
    },
  }
}

/** A path as a record's experiment gives it: from the folder that the command was run in. */
export function fromBase(path: string): string {
  return relative(process.cwd(), path)
}

/** This package and its dependencies as `name==version`, sorted. They are pinned to exact versions. */
export function dependencies(): string[] {
  const { name, version, dependencies } = packageFile()
  return Object.entries({ ...dependencies, [name]: version, node: process.versions.node })
    .map(([name, version]) => `${name}==${version}`)
    .sort()
}

interface PackageFile {
  name: string
  version: string
  dependencies: Record<string, string>
}

/** What this program is by its own package.json. */
export function packageFile(): PackageFile {
  return JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as PackageFile
}

/** Of the user's folder, and of this program where that is a checkout of its own. */
export function repositories(): Repository[] {
  const all = [...new Set([process.cwd(), PACKAGE_ROOT])].flatMap(folder => describeRepository(folder) ?? [])
  return all.filter(({ url, commit }, i) => all.findIndex(other => other.url === url && other.commit === commit) === i)
}

function digestOfShaders(): string {
  return digestOf(join(PACKAGE_ROOT, 'shaders'), '.wgsl')
}

/** SHA-256 of the names and contents of all files of a kind in a folder, at any depth. */
function digestOf(folder: string, extension = extname(THIS_FILE)): string {
  const hash = createHash('sha256')
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => extname(name) === extension)
  for (const name of names.map(name => name.replaceAll('\\', '/')).sort()) {
    const content = readFileSync(join(folder, name))
    hash.update(`${name}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

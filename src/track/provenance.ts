import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { dirname, extname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '../config/json.ts'
import { PACKAGE_ROOT } from '../util/package_root.ts'
import { readText, readWhole } from '../util/whole_file.ts'
import { describeRepository, type Repository } from './repository.ts'

const THIS_FILE = fileURLToPath(import.meta.url)

/**
 * The `experiment` part of a record, without its sources: which code ran. It names the program by version and digest, and pins the
 * dependencies, so that a run can be repeated from its sources and configuration.
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

/** A path relative to the working directory, as the `experiment` part gives it. */
export function fromBase(path: string): string {
  return relative(process.cwd(), path)
}

/** This package, Node and the dependencies as `name==version`, sorted. All are pinned to exact versions. */
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

/** The package.json of this program. */
export function packageFile(): PackageFile {
  return JSON.parse(readText(join(PACKAGE_ROOT, 'package.json'))) as PackageFile
}

/** The git checkouts of the working directory and of this program; one entry if they are the same. */
export function repositories(): Repository[] {
  const all = [...new Set([process.cwd(), PACKAGE_ROOT])].flatMap(folder => describeRepository(folder) ?? [])
  return all.filter(({ url, commit }, i) => all.findIndex(other => other.url === url && other.commit === commit) === i)
}

function digestOfShaders(): string {
  return digestOf(join(PACKAGE_ROOT, 'shaders'), '.wgsl')
}

/** SHA-256 of the names and contents of all files with an extension, at any depth. */
function digestOf(folder: string, extension = extname(THIS_FILE)): string {
  const hash = createHash('sha256')
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => extname(name) === extension)
  for (const name of names.map(name => name.replaceAll('\\', '/')).sort()) {
    const content = readWhole(join(folder, name))
    hash.update(`${name}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

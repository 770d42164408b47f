import { existsSync } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { namesIn } from '../../util/files/lookup.ts'
import { readText } from '../../util/whole_file.ts'
import { said } from './program.ts'

/** Where Debian's packages for x86-64 and arm64 have libraries, below the root. */
const FOLDERS = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].flatMap(triplet => [`usr/lib/${triplet}`, `lib/${triplet}`])

const SYSTEM_LOADER = process.arch === 'arm64' ? '/lib/ld-linux-aarch64.so.1' : '/lib64/ld-linux-x86-64.so.2'

/** Libraries that every process has already, from the same release of the system. */
const EVERYWHERE = /^(?:ld-linux\S*|lib(?:c|m|dl|rt|pthread|stdc\+\+|gcc_s))\.so/

interface Closure {
  /** copied with all libraries that it needs */
  library: string
  /** copied without those that they need */
  alone: readonly string[]
  /** written: JSON that names the Vulkan driver `library`, by a path relative to itself; the packages have one with a longer name or the same */
  description: string
  /** written: the names of the libraries that `library` needs, a line each, each behind those that it needs itself */
  order: string
}

/** Copies a library from an unpacked system into `to`, with all that it needs. Throws Error if one is missing. */
export async function copyClosure(
  root: string,
  to: string,
  { library, alone, description, order }: Closure,
): Promise<void> {
  const folders = FOLDERS.map(folder => join(root, folder)).filter(folder => existsSync(folder))
  const find = (name: string): string => {
    const found = folders.map(folder => join(folder, name)).find(path => existsSync(path))
    if (found === undefined) throw new Error(`the packages have no ${name}`)
    return found
  }
  const needed = await neededBy(find(library), folders)
  // what needs another library needs all that this one needs, and so more
  const counts = new Map<string, number>()
  for (const path of needed) counts.set(path, (await neededBy(path, folders)).length)
  const sorted = needed.toSorted((a, b) => counts.get(a)! - counts.get(b)!)
  for (const path of [...sorted, find(library), ...alone.map(find)]) await copyFile(path, join(to, basename(path)))
  await writeFile(join(to, order), sorted.map(path => `${basename(path)}\n`).join(''))
  const drivers = join(root, 'usr/share/vulkan/icd.d')
  const own = namesIn(drivers).find(name => name.startsWith(basename(description, '.json')))
  if (own === undefined) throw new Error(`the packages have no ${description}`)
  const { ICD: driver, ...rest } = JSON.parse(readText(join(drivers, own))) as DriverFile
  const relative = { ...rest, ICD: { ...driver, library_path: `./${library}` } }
  await writeFile(join(to, description), `${JSON.stringify(relative, null, 2)}\n`)
}

interface DriverFile {
  ICD: { library_path: string; api_version: string }
}

/** Paths of the libraries in these folders that a library needs, directly or not. Nothing of them runs: the system's loader lists them. */
async function neededBy(path: string, folders: readonly string[]): Promise<string[]> {
  const text = await said(SYSTEM_LOADER, ['--library-path', folders.join(':'), '--list', path])
  const lines = [...text.matchAll(/^\s*(\S+) => (.*?)(?: \(0x[\da-f]+\))?$/gm)]
  const missing = lines.find(([, , found]) => found === 'not found')?.[1]
  if (missing !== undefined) throw new Error(`${basename(path)} needs ${missing}, which the packages do not have`)
  const found = lines.map(([, , library]) => library!)
  return found.filter(
    library => !EVERYWHERE.test(basename(library)) && folders.some(folder => library.startsWith(`${folder}/`)),
  )
}

import fs from 'node:fs'
import { join, sep } from 'node:path'
import { PICTURES, pictureSteps } from '../../track/picture_history.ts'
import { namesIn } from '../../util/files/lookup.ts'
import type { Artifact, RunPage } from '../wire/run.ts'

const RECORD = new Set(['run.json', 'config.json', 'info.json', 'metrics.json', 'cout.txt'])

/** The files of a record that are not the record itself, and of a folder of results. Hidden files and folders are left out. */
export function listRecordFiles(folder: string): Artifact[] {
  return safely(() => namesIn(folder)).flatMap(name => {
    if (name.startsWith('.') || RECORD.has(name)) return []
    const facts = ownFile(folder, [name])
    return facts ? [{ name, bytes: facts.size, version: `${facts.mtimeMs}` }] : []
  })
}

/** Pictures of which the record keeps earlier epochs. */
export function listPictures(folder: string): RunPage['pictures'] {
  const kept = join(folder, PICTURES)
  return safely(() => namesIn(kept)).map(name => ({
    name,
    epochs: safely(() => pictureSteps(join(kept, name))),
  }))
}

/** The facts of a regular file at a path below a folder, names as the folder lists them; undefined if it is none, or a link leads out of the folder. */
export function ownFile(folder: string, names: readonly string[]): fs.Stats | undefined {
  if (names.some(name => !/^[^/\\\0]+$/.test(name) || name === '.' || name === '..')) return undefined
  try {
    // a path without links stays in the folder, and takes one look per name
    let facts: fs.Stats | undefined
    for (const at of names.keys()) {
      facts = fs.lstatSync(join(folder, ...names.slice(0, at + 1)), { throwIfNoEntry: false })
      if (facts?.isSymbolicLink()) return linkedFile(folder, names)
    }
    return facts?.isFile() ? facts : undefined
  } catch {
    return undefined
  }
}

/** The facts of a regular file that links lead to, if it is below the folder. Throws if it cannot be looked at. */
function linkedFile(folder: string, names: readonly string[]): fs.Stats | undefined {
  const path = fs.realpathSync(join(folder, ...names))
  if (!isWithin(path, folder)) return undefined
  const facts = fs.statSync(path)
  return facts.isFile() ? facts : undefined
}

/** Text that changes whenever the file of a folder does; '-' if it has none of its own. */
export function signatureOf(folder: string, name: string): string {
  const facts = ownFile(folder, [name])
  return facts ? `${facts.mtimeMs} ${facts.size} ${facts.ino}` : '-'
}

/** Whether a path, links resolved, is below a folder. */
export function isWithin(path: string, folder: string): boolean {
  const root = fs.realpathSync(folder)
  return path.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)
}

/** A folder that cannot be listed has nothing to show. */
function safely<T>(list: () => T[]): T[] {
  try {
    return list()
  } catch {
    return []
  }
}

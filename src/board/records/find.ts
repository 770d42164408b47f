import fs from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { isRegularFile } from '../../util/files/input_file.ts'

/** What a folder on the board is. */
export interface Found {
  /** its address: the name of the board's folder, then the path below it, with forward slashes */
  id: string
  path: string
}

const DEEPEST = 6 // folders below the board's
const MOST_FOLDERS = 20_000 // looked into; a board over a whole disk must still open

/** Folders that hold neither records nor results, but may hold many files. */
const SKIPPED = /^(?:\..*|_sources|node_modules|masks|probabilities|attention|uncertainty)$/

/** The records of runs and the folders of results at and below the board's folders. Links are not followed. */
export function findRecords(folders: readonly string[]): { runs: Found[]; results: Found[] } {
  const runs: Found[] = []
  const results: Found[] = []
  let looked = 0
  const look = (at: Found, depth: number): void => {
    if (++looked > MOST_FOLDERS) return
    const entries = entriesOf(at.path)
    const files = new Set(entries.flatMap(entry => (entry.isDirectory() ? [] : [entry.name])))
    if (isRecord(at.path, files)) {
      runs.push(at)
      return
    }
    if (files.has('presence.json') || files.has('cases.csv')) results.push(at)
    if (depth === DEEPEST) return
    for (const entry of entries)
      if (entry.isDirectory() && !SKIPPED.test(entry.name))
        look({ id: `${at.id}/${entry.name}`, path: join(at.path, entry.name) }, depth + 1)
  }
  for (const at of namedFolders(folders)) look(at, 0)
  return { runs, results }
}

/** The board's folders by the last name of their paths, with a number where two have the same. */
function namedFolders(folders: readonly string[]): Found[] {
  const times = new Map<string, number>()
  return folders.map(folder => {
    const path = resolve(folder)
    const name = basename(path) || 'root'
    const count = (times.get(name) ?? 0) + 1
    times.set(name, count)
    return { id: count === 1 ? name : `${name}~${count}`, path }
  })
}

/** A record has run.json. A numbered folder may have lost it, or may not have it yet. */
function isRecord(path: string, files: ReadonlySet<string>): boolean {
  if (files.has('run.json')) return isRegularFile(join(path, 'run.json')) || /^\d+$/.test(basename(path))
  return (
    /^\d+$/.test(basename(path)) &&
    ['config.json', 'cout.txt', 'info.json', 'metrics.json'].some(name => files.has(name))
  )
}

/** A folder that cannot be listed hides no other. */
function entriesOf(path: string): fs.Dirent[] {
  try {
    return fs.readdirSync(path, { withFileTypes: true })
  } catch {
    return []
  }
}

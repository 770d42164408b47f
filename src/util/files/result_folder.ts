import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { InputError } from '../error.ts'
import { parseJson } from '../json.ts'
import { listed } from '../listing.ts'
import { readText, removeFile, writeJson, writeWhole, writing } from '../whole_file.ts'
import { makeFolder } from './folder.ts'
import { withInput } from './input_file.ts'
import { factsOf } from './lookup.ts'
import { reasonOf } from './reason.ts'
import { replaceFile } from './rename.ts'

/** The list of results in their folder. */
export const RESULTS_LIST = '.sadaan-gpu.json'

/** Versions of a file that count as ours: the one before and the one being written, so that a kill between them does no harm. */
const KEPT_VERSIONS = 2
const BYTES_AT_ONCE = 2 ** 22

/** SHA-256 of the versions of each file that this program wrote, by path within the folder. */
const listSchema = z.object({ files: z.record(z.string(), z.array(z.string())) })
type Versions = Map<string, string[]>

/**
 * A folder of results that commands share. It replaces and removes only files that this program wrote there and nobody has changed since:
 * those whose content is in the folder's list.
 */
export class ResultFolder {
  readonly path: string
  private readonly overwrite: boolean | undefined

  /** The folder need not exist yet. `overwrite` lets the results replace any file; undefined: the command has no such flag. */
  constructor(path: string, { overwrite }: { overwrite?: boolean | undefined } = {}) {
    this.path = path
    this.overwrite = overwrite
  }

  /** Throws InputError if one of these files is there and not ours, or is a folder. */
  claim(names: readonly string[]): void {
    const known = this.read()
    const others = names.filter(name => !this.isReplaceable(name, known))
    if (others.length > 0)
      throw new InputError(
        `${this.path}: would replace ${listed(others)}, which sadaan-gpu did not write or somebody changed since; choose another folder${this.overwrite === undefined ? '' : ', or --overwrite'}`,
      )
  }

  /** Writes FOLDER/name whole. Throws as `claim` does, or WriteError. Returns the path. */
  write(name: string, pieces: readonly Uint8Array[]): string {
    this.claim([name])
    this.record(new Map([[name, digestOf(pieces)]]))
    const path = join(this.path, name)
    writeWhole(path, pieces)
    return path
  }

  /** Moves finished files, by their names here, into the folder. Throws as `claim` does, or WriteError. Returns the paths. */
  take(files: ReadonlyMap<string, string>): string[] {
    const names = [...files.keys()]
    this.claim(names)
    for (const name of names) makeFolder(dirname(join(this.path, name)), 'a folder for the results')
    this.record(new Map([...files].map(([name, from]) => [name, digestAt(from)])))
    return [...files].map(([name, from]) => {
      const path = join(this.path, name)
      writing(path, () => replaceFile(from, path))
      return path
    })
  }

  /** Removes those of our files that `isMeant`. A file that somebody changed stays. */
  remove(isMeant: (name: string) => boolean): void {
    const known = this.read()
    for (const name of [...known.keys()].filter(isMeant))
      if (this.isOurs(name, known)) removeFile(join(this.path, name))
  }

  private isReplaceable(name: string, known: Versions): boolean {
    const found = this.facts(name)
    if (found === undefined) return true
    return !found.isDirectory() && (this.overwrite === true || this.isOurs(name, known))
  }

  private isOurs(name: string, known: Versions): boolean {
    const versions = known.get(name) ?? []
    const isFile = this.facts(name)?.isFile() ?? false
    return isFile && versions.length > 0 && versions.includes(digestAt(join(this.path, name)))
  }

  /** Of the file or link itself; undefined if nothing is there. */
  private facts(name: string): fs.Stats | undefined {
    const path = join(this.path, name)
    try {
      return fs.lstatSync(path, { throwIfNoEntry: false })
    } catch (error) {
      throw new InputError(`${path}: no file can be written there (${reasonOf(error)})`, { cause: error })
    }
  }

  /** Lists files before they are written. Other commands may have added theirs meanwhile. */
  private record(digests: ReadonlyMap<string, string>): void {
    const known = this.read()
    for (const [name, digest] of digests) {
      const earlier = (known.get(name) ?? []).filter(each => each !== digest)
      known.set(name, [...earlier, digest].slice(-KEPT_VERSIONS))
    }
    writeJson(join(this.path, RESULTS_LIST), { files: Object.fromEntries(known) })
  }

  private read(): Versions {
    const path = join(this.path, RESULTS_LIST)
    if (factsOf(path) === undefined) return new Map()
    return new Map(Object.entries(parseJson(readText(path), path, listSchema).files))
  }
}

/**
 * Makes sure that writing these bytes to `path` loses nothing: no regular file is there, or one with the same bytes. Throws InputError unless
 * `overwrite`.
 */
export function refuseToReplace(path: string, pieces: readonly Uint8Array[], overwrite: boolean): void {
  const found = factsOf(path)
  if (overwrite || !found?.isFile()) return
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  if (found.size === length && digestAt(path) === digestOf(pieces)) return
  throw new InputError(`${path}: exists with other content, expected another name, or --overwrite to replace it`)
}

function digestOf(pieces: Iterable<Uint8Array>): string {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}

function digestAt(path: string): string {
  return withInput(path, file => digestOf(piecesOf(file)))
}

/** The bytes of an open file, a few at a time; each piece is valid until the next. */
function* piecesOf(file: number): Generator<Uint8Array> {
  const piece = new Uint8Array(BYTES_AT_ONCE)
  for (let read = fs.readSync(file, piece); read > 0; read = fs.readSync(file, piece)) yield piece.subarray(0, read)
}

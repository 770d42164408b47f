import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, linkSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, dirname, join, parse } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { makeFolders } from '../util/files/folder.ts'
import { isRegularFile, openInput } from '../util/files/input_file.ts'
import { replaceFile } from '../util/files/rename.ts'
import { readWhole } from '../util/whole_file.ts'
import type { Artifact } from './observer.ts'
import { fromBase } from './provenance.ts'
import type { RunFiles } from './run_files.ts'

const RESERVED = /^(run|config|info|metrics)\.json$|^cout\.txt$/i

/** The file name of an artifact beside run.json: never outside the folder, hidden, or a file of the record itself. */
export function artifactFileName(name: string): string {
  const plain = name.replace(/[\p{Cc}/\\:]+/gu, '_').replace(/^\.+/, '_') || '_'
  return RESERVED.test(plain) ? `artifact_${plain}` : plain
}

/**
 * Captures an artifact as it is now, and returns a function that completes its copy at `partial`. If the file system allows it, the copy
 * is a hard link, which takes neither time nor space: checkpoints are replaced, never edited in place.
 */
export function holdArtifact(artifact: Artifact, partial: string): () => Promise<void> {
  if ('bytes' in artifact) return () => writeFile(partial, artifact.bytes)
  try {
    linkSync(artifact.path, partial)
    return async () => undefined
  } catch {
    return copyOf(artifact.path, partial)
  }
}

/** Opens the file at once: a later replacement is another file. */
function copyOf(path: string, partial: string): () => Promise<void> {
  let fd: number
  try {
    fd = openInput(path)
  } catch (error) {
    return () => Promise.reject(error)
  }
  return () => pipeline(createReadStream('', { fd }), createWriteStream(partial))
}

/**
 * Copies a source into `_sources` beside the runs, unless it is there already. Returns Sacred's entry: the path, and the path of the
 * copy relative to the folder of runs. Undefined if it is not a file (e.g. a pipe), and after a warning.
 */
export function keepSource(files: RunFiles, path: string): [path: string, copy: string] | undefined {
  let copy: string | undefined
  files.attempt(path, () => {
    if (existsSync(path) && !isRegularFile(path)) return
    const content = readWhole(path)
    const { name, ext } = parse(path)
    const folder = join(dirname(files.directory), '_sources')
    const stored = join(folder, `${name}_${createHash('md5').update(content).digest('hex')}${ext}`)
    if (!existsSync(stored)) {
      makeFolders(folder)
      const partial = join(files.hidden, basename(stored))
      writeFileSync(partial, content)
      replaceFile(partial, stored)
    }
    copy = `_sources/${basename(stored)}`
  })
  return copy === undefined ? undefined : [fromBase(path), copy]
}

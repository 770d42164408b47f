import { createHash } from 'node:crypto'
import {
  createReadStream,
  createWriteStream,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, dirname, join, parse } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Artifact } from './observer.ts'
import { fromBase } from './provenance.ts'
import type { RunFiles } from './run_files.ts'

const RESERVED = /^(run|config|info|metrics)\.json$|^cout\.txt$/i

/** An artifact's name as a file beside run.json: no path leads out, none hides, and no file of the record is meant. */
export function artifactFileName(name: string): string {
  const plain = name.replace(/[\p{Cc}/\\:]+/gu, '_').replace(/^\.+/, '_') || '_'
  return RESERVED.test(plain) ? `artifact_${plain}` : plain
}

/**
 * Takes hold of an artifact as it is now and returns what finishes a copy of it at `partial`. A file becomes a second name of
 * itself where the file system has that (a checkpoint is replaced, never changed in place), so that it takes neither time nor room.
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

/** Opened at once: what replaces the file later is another file. */
function copyOf(path: string, partial: string): () => Promise<void> {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    return () => Promise.reject(error)
  }
  return () => pipeline(createReadStream('', { fd }), createWriteStream(partial))
}

/**
 * Copies a source into `_sources` beside the runs, unless the same is there; as Sacred names it in a record: [path, path of the
 * copy from the folder of runs]. Undefined for what is no file (a pipe that is read already), and after a warning.
 */
export function keepSource(files: RunFiles, path: string): [path: string, copy: string] | undefined {
  let copy: string | undefined
  files.attempt(path, () => {
    if (!statSync(path).isFile()) return
    const content = readFileSync(path)
    const { name, ext } = parse(path)
    const folder = join(dirname(files.directory), '_sources')
    const stored = join(folder, `${name}_${createHash('md5').update(content).digest('hex')}${ext}`)
    if (!existsSync(stored)) {
      mkdirSync(folder, { recursive: true })
      const partial = join(files.hidden, basename(stored))
      writeFileSync(partial, content)
      renameSync(partial, stored)
    }
    copy = `_sources/${basename(stored)}`
  })
  return copy === undefined ? undefined : [fromBase(path), copy]
}

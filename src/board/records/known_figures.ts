import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { userCacheDirectory } from '../../util/cache_directory.ts'
import { makeFolders } from '../../util/files/folder.ts'
import { parseJson } from '../../util/json.ts'
import { readText, writeText } from '../../util/whole_file.ts'
import type { Figures } from './figures.ts'

/** Grows when the same metrics give other figures. */
const EDITION = 1

const figure = z.number().optional()
const fileSchema = z.record(
  z.string(),
  z.object({ signature: z.string(), epochs: figure, bestLoss: figure, bestDice: figure }),
)
type Known = z.infer<typeof fileSchema>[string]

/**
 * The figures of ended runs in the user's cache, by the path of the record and the signature of its metrics.json: a board that starts again
 * reads only what changed. A file that cannot be read counts as empty; one that cannot be written is left alone.
 */
export class KnownFigures {
  private readonly path = join(userCacheDirectory(), 'board', `figures-${EDITION}.json`)
  private readonly known: Map<string, Known>
  private readonly added = new Map<string, Known>()

  constructor() {
    this.known = this.read()
  }

  /** Of a record whose metrics.json has this signature. */
  at(folder: string, signature: string): Figures | undefined {
    const found = this.known.get(resolve(folder))
    if (found?.signature !== signature) return undefined
    const { signature: _, ...figures } = found
    return figures as Figures
  }

  add(folder: string, signature: string, figures: Figures): void {
    const entry = { ...figures, signature } as Known
    this.known.set(resolve(folder), entry)
    this.added.set(resolve(folder), entry)
  }

  /** Writes what was added, beside what other boards wrote meanwhile; records that are gone leave. */
  save(): void {
    if (this.added.size === 0) return
    const all = [...this.read(), ...this.added].filter(([folder]) => existsSync(folder))
    this.added.clear()
    try {
      makeFolders(dirname(this.path))
      writeText(this.path, JSON.stringify(Object.fromEntries(all)))
    } catch {} // the next start takes longer
  }

  private read(): Map<string, Known> {
    try {
      return new Map(Object.entries(parseJson(readText(this.path), this.path, fileSchema)))
    } catch {
      return new Map()
    }
  }
}

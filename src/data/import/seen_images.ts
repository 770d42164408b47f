import { createHash } from 'node:crypto'
import { InputError } from '../../util/error.ts'
import { listed } from '../../util/listing.ts'
import type { SurveyedScan } from './surveyed_scan.ts'

interface Seen {
  scan: SurveyedScan
  group: string
}

/** The images of an import by content, to find those that are there twice: a model tested on an image that it has trained on looks too good. */
export class SeenImages {
  private readonly seen = new Map<string, Seen>()
  private readonly repeated = new Set<string>()

  /** `image`: (C, H, W, D), the whole scan in the dataset's frame. Throws InputError if a scan of another group, "split val", has the same one. */
  add(group: string, scan: SurveyedScan, image: Float32Array): void {
    const digest = createHash('sha256').update(image).digest('hex')
    const other = this.seen.get(digest)
    if (!other) this.seen.set(digest, { scan, group })
    if (!other || other.scan.name === scan.name) return // training scans may serve for validation too
    if (other.group !== group)
      throw new InputError(
        `${scan.images[0]}: in ${group}, has the same image as ${other.scan.images[0]} in ${other.group}; expected one of them, or one subject for both (--subject-pattern)`,
      )
    this.repeated.add(`${scan.name} like ${other.scan.name}`)
  }

  get warnings(): string[] {
    const repeated = [...this.repeated]
    return repeated.length === 0 ? [] : [`the same image within a split: ${listed(repeated)}`]
  }
}

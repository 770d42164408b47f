import { mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Hdf5Writer } from '../data/hdf5_writer.ts'
import { type NiftiImage, writeNiftiLabels } from '../data/nifti.ts'
import { orientationOf, restore } from '../data/orientation.ts'
import type { ImageSize } from '../data/volumes.ts'
import { sizeOf } from '../util/shape.ts'

/** Where the masks of a prediction go, sample by sample. */
export interface MaskFiles {
  /** `maskOf(s)` gives the mask (H, W, D) of structure s, 0 and 1; each is asked for once, in order. */
  append(maskOf: (structure: number) => Uint8Array): void
  /** Verifies and renames what was written. Returns the paths. */
  finish(): Promise<string[]>
  /** Removes what was written. */
  abandon(): void
}

/** FOLDER/masks.h5: the dataset `masks` (N, S, H, W, D) of booleans. */
export async function hdf5Masks(folder: string, structures: number, size: ImageSize): Promise<MaskFiles> {
  const column = { name: 'masks', kind: 'bool' as const, rowShape: [structures, ...size] }
  const writer = await Hdf5Writer.create(join(folder, 'masks.h5'), [column])
  const row = new Uint8Array(sizeOf(column.rowShape))
  return {
    append(maskOf) {
      for (let s = 0; s < structures; s++) row.set(maskOf(s), s * sizeOf(size))
      writer.append('masks', row)
    },
    async finish() {
      await writer.finish()
      return [writer.path]
    },
    abandon: () => writer.abandon(),
  }
}

/** FOLDER/masks/STRUCTURE.nii.gz, one for each structure, on the grid of the scan. They may overlap, so they are no label volume. */
export function niftiMasks(
  folder: string,
  structureNames: readonly string[],
  scan: Pick<NiftiImage, 'size' | 'affine' | 'geometry'>,
): MaskFiles {
  const orientation = orientationOf(scan.affine)
  const below = join(folder, 'masks')
  const made = mkdirSync(below, { recursive: true }) !== undefined
  const written: string[] = []
  return {
    append(maskOf) {
      for (const [s, name] of fileNames(structureNames).entries()) {
        const path = join(below, `${name}.nii.gz`)
        writeNiftiLabels(path, restore(maskOf(s), scan.size, orientation), scan)
        written.push(path)
      }
    },
    finish: async () => written,
    abandon() {
      for (const path of written) rmSync(path, { force: true })
      if (made) rmdirSync(below)
    },
  }
}

/** Names that every file system takes, different from each other whatever the case. */
function fileNames(structureNames: readonly string[]): string[] {
  const plain = structureNames.map(name => name.replace(/[^\p{L}\p{N}_.-]+/gu, '_').replace(/^\.+/, '_'))
  const isShared = (name: string): boolean =>
    plain.filter(other => other.toLowerCase() === name.toLowerCase()).length > 1
  return plain.map((name, s) => (isShared(name) ? `${name}_${s}` : name))
}

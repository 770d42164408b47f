import { basename, join } from 'node:path'
import { CHUNK_LIMIT } from '../data/hdf5/file.ts'
import { type Hdf5Column, Hdf5Writer } from '../data/hdf5/writer.ts'
import { InputError } from '../util/error.ts'
import type { StagedResults } from '../util/files/staged_results.ts'
import { type ImageSize, sizeOf } from '../util/shape.ts'
import { ontoScan } from './masks.ts'
import {
  FLOATS,
  makeMasks,
  type PresenceRow,
  SAMPLES,
  type SubjectFileOptions,
  type SubjectFiles,
} from './subject_files.ts'
import type { SubjectPrediction } from './subject_prediction.ts'
import type { SubjectPlace } from './subjects.ts'

/** FOLDER/masks.h5, and if requested probabilities.h5 and attention.h5: (N, S, H, W, D) on the grid of the images, with `samples` (N). */
export class Hdf5Results implements SubjectFiles {
  private readonly size: ImageSize
  private readonly options: SubjectFileOptions
  /** by dataset name */
  private readonly writers = new Map<string, Hdf5Writer>()

  private constructor(size: ImageSize, options: SubjectFileOptions) {
    this.size = size
    this.options = options
  }

  /** Throws InputError if a sample is larger than a chunk of HDF5 may be. */
  static async create(results: StagedResults, size: ImageSize, options: SubjectFileOptions): Promise<Hdf5Results> {
    const made = new Hdf5Results(size, options)
    try {
      await made.open(results, 'masks', { name: 'masks', kind: 'bool' })
      for (const { name, dataset, wanted } of FLOATS)
        if (options[wanted]) await made.open(results, name, { name: dataset, kind: 'float32' })
      return made
    } catch (error) {
      made.abandon()
      throw error
    }
  }

  append(subject: SubjectPlace, prediction: SubjectPrediction): PresenceRow[] {
    const voxels = sizeOf(this.size)
    const masks = new Uint8Array(this.options.structureNames.length * voxels)
    const rows = makeMasks(subject, prediction, this.options, (s, mask) => masks.set(mask, s * voxels))
    this.writers.get('masks')!.append('masks', masks)
    for (const { dataset, output } of FLOATS) {
      const writer = this.writers.get(dataset)
      if (!writer) continue
      const values = new Float32Array(masks.length)
      for (const s of rows.keys())
        ontoScan(subject.frame, prediction.volume(output, s), values.subarray(s * voxels, (s + 1) * voxels))
      writer.append(dataset, values)
    }
    for (const writer of this.writers.values()) writer.append(SAMPLES.name, BigInt64Array.of(BigInt(subject.index)))
    return rows
  }

  async adopt(folder: string): Promise<void> {
    for (const [name, writer] of this.writers)
      await writer.appendFrom(join(folder, basename(writer.path)), [name, SAMPLES.name])
  }

  async finish(): Promise<void> {
    for (const writer of this.writers.values()) await writer.finish()
  }

  abandon(): void {
    for (const writer of this.writers.values()) writer.abandon()
  }

  private async open(results: StagedResults, name: string, column: Omit<Hdf5Column, 'rowShape'>): Promise<void> {
    const rowShape = [this.options.structureNames.length, ...this.size]
    const bytes = sizeOf(rowShape) * (column.kind === 'float32' ? 4 : 1)
    if (bytes > CHUNK_LIMIT)
      throw new InputError(
        `${name}.h5: a sample of ${rowShape.join('×')} has ${bytes} bytes, expected at most ${CHUNK_LIMIT}; convert the images to NIfTI scans`,
      )
    this.writers.set(
      column.name,
      await Hdf5Writer.create(results.path(`${name}.h5`), [{ ...column, rowShape }, SAMPLES]),
    )
  }
}

import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ImageSize, SplitName } from './dataset.ts'
import { Hdf5Writer } from './hdf5_writer.ts'

export interface SplitShape {
  /** Left out: images are stored as (N, H, W, D); given: as (N, C, H, W, D). */
  channels?: number
  imageSize: ImageSize
  structures: number
  /** That every sample says whose scan it is and how far apart its voxels lie. */
  hasSource?: boolean
}

export interface StoredSample {
  image: Float32Array // (H, W, D) or (C, H, W, D)
  masks: Uint8Array // (S, H, W, D), 0 or 1
  presence: readonly number[] // (S)
  scenario: string
  source?: SampleSource
}

export interface SampleSource {
  /** Whose scan it is of. */
  subject: string
  /** Millimetres between voxels along H, W, D. */
  spacing: readonly [number, number, number]
}

/** Writes one split file of a dataset, sample by sample; it stands under its name only once `finish` is through. */
export class SplitWriter {
  readonly #writer: Hdf5Writer
  readonly #shape: SplitShape
  readonly #scenarios: string[] = []
  readonly #subjects: string[] = []

  private constructor(writer: Hdf5Writer, shape: SplitShape) {
    this.#writer = writer
    this.#shape = shape
  }

  static async create(directory: string, name: SplitName, shape: SplitShape): Promise<SplitWriter> {
    const { imageSize, channels, structures, hasSource } = shape
    const imageShape = channels === undefined ? imageSize : [channels, ...imageSize]
    const writer = await Hdf5Writer.create(join(directory, `${name}.h5`), [
      { name: 'images', kind: 'float32', rowShape: imageShape },
      { name: 'masks', kind: 'bool', rowShape: [structures, ...imageSize] },
      { name: 'presence_labels', kind: 'int64', rowShape: [structures] },
      ...(hasSource ? [{ name: 'voxel_spacing', kind: 'float32' as const, rowShape: [3] }] : []),
    ])
    return new SplitWriter(writer, shape)
  }

  append({ image, masks, presence, scenario, source }: StoredSample): void {
    this.#writer.append('images', image)
    this.#writer.append('masks', masks)
    this.#writer.append('presence_labels', BigInt64Array.from(presence, BigInt))
    this.#scenarios.push(scenario)
    if (!source) return
    this.#writer.append('voxel_spacing', Float32Array.from(source.spacing))
    this.#subjects.push(source.subject)
  }

  async finish(): Promise<void> {
    const { imageSize, channels, structures } = this.#shape
    this.#writer.writeStrings('scenarios', this.#scenarios)
    if (this.#shape.hasSource) this.#writer.writeStrings('subjects', this.#subjects)
    this.#writer.writeAttribute('n_samples', this.#scenarios.length)
    this.#writer.writeAttribute('image_shape', channels === undefined ? imageSize : [channels, ...imageSize])
    this.#writer.writeAttribute('n_structures', structures)
    await this.#writer.finish()
  }

  abandon(): void {
    this.#writer.abandon()
  }
}

/**
 * Writes the split files, then metadata.json. An earlier dataset in the directory stops being one at the start, so that
 * an interrupted run leaves no mixture. `splits` gives each split's samples in order.
 */
export async function writeDatasetFiles(
  directory: string,
  shape: SplitShape,
  splits: Partial<Record<SplitName, Iterable<StoredSample> | AsyncIterable<StoredSample>>>,
  metadata: () => Record<string, unknown>,
): Promise<void> {
  const metadataPath = join(directory, 'metadata.json')
  rmSync(metadataPath, { force: true })
  rmSync(join(directory, 'test.h5'), { force: true }) // optional: an earlier one would count as part of this dataset
  for (const [name, samples] of Object.entries(splits)) {
    const writer = await SplitWriter.create(directory, name as SplitName, shape)
    try {
      for await (const sample of samples) writer.append(sample)
    } catch (error) {
      writer.abandon()
      throw error
    }
    await writer.finish()
  }
  const temporary = `${metadataPath}.${process.pid}.tmp`
  try {
    writeFileSync(temporary, `${JSON.stringify(metadata(), null, 2)}\n`, { flush: true })
    renameSync(temporary, metadataPath)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

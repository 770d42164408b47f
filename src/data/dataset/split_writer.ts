import { join } from 'node:path'
import type { ImageSize } from '../../util/shape.ts'
import { Hdf5Writer } from '../hdf5/writer.ts'
import { digestOf, type SplitHashes, SplitRecorder } from './hashes.ts'
import type { SplitName } from './split.ts'

export interface SplitShape {
  /** If omitted, images are stored as (N, H, W, D), otherwise as (N, C, H, W, D). */
  channels?: number
  imageSize: ImageSize
  structures: number
  /** Whether every sample has a subject and a voxel spacing. */
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
  /** The subject of the scan. */
  subject: string
  /** Voxel spacing in millimetres along H, W, D. */
  spacing: readonly [number, number, number]
}

/** Writes one split file of a dataset, sample by sample. The file gets its name only with `place`. */
export class SplitWriter {
  private readonly writer: Hdf5Writer
  private readonly shape: SplitShape
  private readonly scenarios: string[] = []
  private readonly subjects: string[] = []
  private readonly recorder = new SplitRecorder()

  private constructor(writer: Hdf5Writer, shape: SplitShape) {
    this.writer = writer
    this.shape = shape
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
    this.writer.append('images', image)
    this.writer.append('masks', masks)
    this.writer.append('presence_labels', BigInt64Array.from(presence, BigInt))
    this.scenarios.push(scenario)
    this.recorder.add({ images: digestOf(image), masks: digestOf(masks) }, presence)
    if (!source) return
    this.writer.append('voxel_spacing', Float32Array.from(source.spacing))
    this.subjects.push(source.subject)
  }

  get isEmpty(): boolean {
    return this.scenarios.length === 0
  }

  /** Completes the file, which gets its name with `place`. Returns the digests of the written samples. */
  async complete(): Promise<SplitHashes> {
    const { imageSize, channels, structures } = this.shape
    this.writer.writeStrings('scenarios', this.scenarios)
    if (this.shape.hasSource) this.writer.writeStrings('subjects', this.subjects)
    this.writer.writeAttribute('n_samples', this.scenarios.length)
    this.writer.writeAttribute('image_shape', channels === undefined ? imageSize : [channels, ...imageSize])
    this.writer.writeAttribute('n_structures', structures)
    await this.writer.complete()
    return this.recorder.hashes
  }

  place(): void {
    this.writer.place()
  }

  abandon(): void {
    this.writer.abandon()
  }
}

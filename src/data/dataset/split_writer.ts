import { join } from 'node:path'
import { InputError } from '../../util/error.ts'
import { type ImageSize, sizeOf } from '../../util/shape.ts'
import { removeFile, writeJson } from '../../util/whole_file.ts'
import { CHUNK_LIMIT } from '../hdf5/file.ts'
import { Hdf5Writer } from '../hdf5/writer.ts'
import { digestOf, removeHashes, type SplitHashes, SplitRecorder, writeHashes } from './hashes.ts'
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

/** Content of metadata.json, including entries that `openDataset` does not read. */
export type DatasetMetadata = Record<string, unknown> & { structure_names: readonly string[] }

/** Writes one split file of a dataset, sample by sample. The file gets its name only when `finish` succeeds. */
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

  /** Returns the digests of the written samples. */
  async finish(): Promise<SplitHashes> {
    const { imageSize, channels, structures } = this.shape
    this.writer.writeStrings('scenarios', this.scenarios)
    if (this.shape.hasSource) this.writer.writeStrings('subjects', this.subjects)
    this.writer.writeAttribute('n_samples', this.scenarios.length)
    this.writer.writeAttribute('image_shape', channels === undefined ? imageSize : [channels, ...imageSize])
    this.writer.writeAttribute('n_structures', structures)
    await this.writer.finish()
    return this.recorder.hashes
  }

  abandon(): void {
    this.writer.abandon()
  }
}

/**
 * Writes the split files, their digests, then metadata.json. First removes the metadata of an earlier dataset in the directory, so that an
 * interrupted run leaves no mixture. `splits` yields each split's samples in order; a split without samples gets no file. Throws InputError
 * if a sample is larger than `Hdf5File` can read.
 */
export async function writeDatasetFiles(
  directory: string,
  shape: SplitShape,
  splits: Partial<Record<SplitName, Iterable<StoredSample> | AsyncIterable<StoredSample>>>,
  metadata: () => DatasetMetadata,
): Promise<void> {
  checkSize(shape)
  const metadataPath = join(directory, 'metadata.json')
  removeFile(metadataPath)
  removeHashes(directory)
  removeFile(join(directory, 'test.h5')) // optional: an earlier one would count as part of this dataset
  const hashes: Partial<Record<SplitName, SplitHashes>> = {}
  for (const [name, samples] of Object.entries(splits)) {
    const writer = await SplitWriter.create(directory, name as SplitName, shape)
    try {
      for await (const sample of samples) writer.append(sample)
    } catch (error) {
      writer.abandon()
      throw error
    }
    if (writer.isEmpty) writer.abandon()
    else hashes[name as SplitName] = await writer.finish()
  }
  const described = metadata()
  writeHashes(directory, described.structure_names, hashes)
  writeJson(metadataPath, described)
}

/** A chunk holds one sample's images (4 bytes per voxel) or masks (1 byte per voxel). */
function checkSize({ channels = 1, imageSize, structures }: SplitShape): void {
  const voxels = sizeOf(imageSize)
  const count = Math.max(4 * channels, structures) * voxels
  if (count > CHUNK_LIMIT)
    throw new InputError(
      `image size ${imageSize.join(',')}: a sample of ${channels} channels and ${structures} structures has ${count} bytes, at most ${CHUNK_LIMIT}`,
    )
}

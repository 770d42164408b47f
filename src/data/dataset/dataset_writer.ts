import { join } from 'node:path'
import { InputError } from '../../util/error.ts'
import { sizeOf } from '../../util/shape.ts'
import { moveIntoPlace, removeFile, removeStale, writeJson } from '../../util/whole_file.ts'
import { CHUNK_LIMIT } from '../hdf5/file.ts'
import { DATASET_FILES, METADATA, NEXT_METADATA } from './existing.ts'
import { type SplitHashes, writeHashes } from './hashes.ts'
import type { SplitName } from './split.ts'
import { type SplitShape, SplitWriter, type StoredSample } from './split_writer.ts'

/** Content of metadata.json, including entries that `openDataset` does not read. */
export type DatasetMetadata = Record<string, unknown> & { structure_names: readonly string[] }

type Samples = Iterable<StoredSample> | AsyncIterable<StoredSample>

/**
 * Writes the split files, their digests and metadata.json. An earlier dataset in the directory stays as it is until the new one is complete. Then
 * its metadata goes first and the new metadata comes last, so that an interrupted run leaves no mixture. `splits` yields each split's samples in order;
 * a split without samples gets no file. Throws InputError if a sample is larger than `Hdf5File` can read.
 */
export async function writeDatasetFiles(
  directory: string,
  shape: SplitShape,
  splits: Partial<Record<SplitName, Samples>>,
  metadata: () => DatasetMetadata,
): Promise<void> {
  checkSize(shape)
  for (const name of [...DATASET_FILES, NEXT_METADATA]) removeStale(join(directory, name))
  const written = new Map<SplitName, SplitWriter>()
  try {
    const hashes: Partial<Record<SplitName, SplitHashes>> = {}
    for (const [name, samples] of Object.entries(splits) as [SplitName, Samples][]) {
      const writer = await SplitWriter.create(directory, name, shape)
      written.set(name, writer)
      for await (const sample of samples) writer.append(sample)
      if (!writer.isEmpty) hashes[name] = await writer.complete()
      else if (written.delete(name)) writer.abandon()
    }
    replace(directory, written, metadata(), hashes)
  } catch (error) {
    for (const writer of written.values()) writer.abandon()
    throw error
  }
}

/** Puts complete files in the place of an earlier dataset. */
function replace(
  directory: string,
  splits: ReadonlyMap<SplitName, SplitWriter>,
  metadata: DatasetMetadata,
  hashes: Partial<Record<SplitName, SplitHashes>>,
): void {
  const next = join(directory, NEXT_METADATA)
  try {
    writeJson(next, metadata)
    removeFile(join(directory, METADATA))
  } catch (error) {
    removeFile(next) // the earlier dataset stays as it is
    throw error
  }
  const kept = ['hashes.json', ...[...splits.keys()].map(name => `${name}.h5`)] // they are replaced
  for (const name of DATASET_FILES) if (!kept.includes(name)) removeFile(join(directory, name))
  for (const split of splits.values()) split.place()
  writeHashes(directory, metadata.structure_names, hashes)
  moveIntoPlace(next, join(directory, METADATA))
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

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LoadedConfig } from '../src/config/load.ts'
import type { Config } from '../src/config/schema.ts'
import { type Dataset, openDataset } from '../src/data/dataset/dataset.ts'
import { writeDatasetFiles } from '../src/data/dataset/dataset_writer.ts'
import type { StoredSample } from '../src/data/dataset/split_writer.ts'
import { SCENARIOS, STRUCTURES } from '../src/data/synthetic/anatomy.ts'
import { GENERATE_DEFAULTS } from '../src/data/synthetic/generate.ts'
import { makeSample } from '../src/data/synthetic/synthetic.ts'
import type { SadaanShape } from '../src/nn/specification.ts'
import { openTrainingDataset, shapeFor } from '../src/run/open.ts'
import type { HostBatch } from '../src/train/engine.ts'
import { OP_GENERATE, RandomStream } from '../src/util/random.ts'
import type { ImageSize } from '../src/util/shape.ts'
import { sizeOf } from '../src/util/shape.ts'

/** The default workload: the step of the target table. */
const DEFAULTS = { structures: 13, size: [64, 64, 32] as const, batchSize: 2 }

/** The model, batch and data of a benchmark. */
export interface Workload {
  config: Config
  shape: SadaanShape
  structureNames: readonly string[]
  batchSize: number
  /** undefined without a dataset; data are then random */
  dataset: Dataset | undefined
}

/** Reads a workload from a configuration. Throws InputError on a dataset that does not open or fit. */
export async function workloadOf({ config, updates }: LoadedConfig): Promise<Workload> {
  const training = (updates.training ?? {}) as Record<string, unknown>
  const batchSize = training.batch_size === undefined ? DEFAULTS.batchSize : config.training.batch_size
  if (updates.dataset_path !== undefined) {
    const dataset = await openTrainingDataset(config)
    return { config, shape: shapeFor(config, dataset), structureNames: dataset.structureNames, batchSize, dataset }
  }
  const { in_channels, channels, features, num_structures } = config.model
  const structures = num_structures ?? DEFAULTS.structures
  const size = config.training.image_size ?? DEFAULTS.size
  const shape = { structures, size, inChannels: in_channels, channels, features: features ?? undefined }
  return { config, shape, structureNames: structureNames(structures), batchSize, dataset: undefined }
}

function structureNames(count: number): string[] {
  return Array.from({ length: count }, (_, s) => STRUCTURES[s]?.name ?? `structure_${s}`)
}

/** A batch of random intensities, masks and presence labels. */
export function randomBatch({ shape, batchSize, config }: Workload): HostBatch {
  const { structures, size, inChannels } = shape
  const random = new RandomStream({ seed: config.seed, operation: OP_GENERATE })
  return {
    images: Float32Array.from({ length: batchSize * inChannels * sizeOf(size) }, () => random.uniform() * 255),
    maskBits: Uint32Array.from({ length: (batchSize * structures * sizeOf(size)) / 32 }, () => random.bits()),
    presence: Float32Array.from({ length: batchSize * structures }, () => Number(random.uniform() < 0.65)),
    samples: Uint32Array.from({ length: batchSize }, (_, i) => i),
  }
}

/**
 * Writes a synthetic dataset to a temporary folder, passes it to `use`, and removes it afterwards.
 * Further structures repeat those of the generator; all image channels are equal.
 */
export async function withTemporaryDataset<T>(
  { structures, size, inChannels }: SadaanShape,
  samples: number,
  use: (dataset: Dataset) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'sadaan-bench-'))
  const imageSize: ImageSize = [...size]
  try {
    const shape = { imageSize, structures, channels: inChannels }
    const make = (index: number): StoredSample => repeated(bodyAt(index, imageSize), structures, inChannels)
    const train = Array.from({ length: samples }, (_, i) => i)
    const splits = { train: lazily(train, make), val: lazily([samples], make) }
    await writeDatasetFiles(directory, shape, splits, () => {
      return { structure_names: structureNames(structures), image_size: imageSize }
    })
    return await use(await openDataset(directory))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function* lazily<T, U>(items: readonly T[], make: (item: T) => U): Iterable<U> {
  for (const item of items) yield make(item)
}

function bodyAt(index: number, imageSize: ImageSize): StoredSample {
  const scenario = SCENARIOS[index % SCENARIOS.length]!
  const { positionNoise, sizeNoise, intensityNoise, seed } = GENERATE_DEFAULTS
  const variation = { imageSize, positionNoise, sizeNoise, intensityNoise, seed }
  return { ...makeSample(variation, index, scenario), scenario: scenario.name }
}

function repeated(
  { image, masks, presence, scenario }: StoredSample,
  structures: number,
  channels: number,
): StoredSample {
  const voxels = image.length
  const manyMasks = new Uint8Array(structures * voxels)
  const kinds = presence.length
  for (let s = 0; s < structures; s++)
    manyMasks.set(masks.subarray((s % kinds) * voxels, ((s % kinds) + 1) * voxels), s * voxels)
  const images = new Float32Array(channels * voxels)
  for (let c = 0; c < channels; c++) images.set(image, c * voxels)
  return {
    image: images,
    masks: manyMasks,
    presence: Array.from({ length: structures }, (_, s) => presence[s % kinds]!),
    scenario,
  }
}

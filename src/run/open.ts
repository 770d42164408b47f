import type { Config } from '../config/schema.ts'
import { type Dataset, openDataset } from '../data/dataset/dataset.ts'
import { withRandomPatches } from '../data/dataset/patches.ts'
import { Decoders, usefulThreads } from '../data/loader/decoders.ts'
import type { SadaanShape } from '../nn/specification.ts'
import { InputError } from '../util/error.ts'
import { AXIS_DIVISOR, divisible } from '../util/shape.ts'

/** The dataset to train on: as it is stored, or patches of it if `training.patch_size` is set. Throws InputError as these do. */
export async function openTrainingDataset({ dataset_path, training }: Config, path = dataset_path): Promise<Dataset> {
  const dataset = await openDataset(path)
  const { patch_size: size, patches_per_sample: perSample, patch_foreground: foreground } = training
  return size ? withRandomPatches(dataset, { size, perSample, foreground }) : dataset
}

/** The shape of the model for a dataset and a configuration. Throws InputError if they contradict each other. */
export function shapeFor(config: Config, dataset: Dataset): SadaanShape {
  const { in_channels, channels } = config.model
  const features = config.model.features ?? undefined
  if (dataset.channels !== in_channels)
    throw new InputError(
      `${dataset.directory}: images have ${dataset.channels} channels, model.in_channels is ${in_channels}`,
    )
  const size = config.training.image_size ?? dataset.imageSize
  if (size.some(axis => axis % AXIS_DIVISOR !== 0))
    throw new InputError(
      `${dataset.directory}: image_size is ${size.join('×')}, expected axes divisible by ${AXIS_DIVISOR}; to resample: with training.image_size=[${divisible(size).join(',')}]`,
    )
  return { structures: dataset.structureNames.length, size, inChannels: in_channels, channels, features }
}

/** `compute.adapter` in the form that Device.open expects. */
export function wantedAdapter(config: Config): string | undefined {
  return config.compute.adapter === null ? undefined : String(config.compute.adapter)
}

/** Decoding threads for batches of this size, as configured. */
export function decodersFor({ training }: Config, batchSize: number): Decoders {
  return new Decoders({
    threads: usefulThreads(training.num_workers, batchSize),
    cleanupFrequency: training.memory_cleanup_frequency,
  })
}

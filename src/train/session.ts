import { readWeights } from '../checkpoint/weights.ts'
import type { Config } from '../config/schema.ts'
import { type Dataset, openDataset } from '../data/dataset/dataset.ts'
import type { Split } from '../data/dataset/split.ts'
import type { Decoders } from '../data/loader/decoders.ts'
import { Loader } from '../data/loader/loader.ts'
import { Device } from '../gpu/device.ts'
import type { SadaanShape } from '../nn/specification.ts'
import { withBatchThatFits } from '../run/memory.ts'
import { writeInitial, writeLossScale, writeModel, writeOptimizer } from '../run/model_weights.ts'
import { decodersFor, shapeFor, wantedAdapter } from '../run/open.ts'
import { fixVariants, knownChoice, type RunVariants } from '../run/variants.ts'
import { FixedChoice } from '../tune/choice.ts'
import { InputError } from '../util/error.ts'
import { TrainingEngine } from './engine.ts'
import { checkSameData, type ResumePoint } from './resume.ts'

/** What training needs open: the data, the device with the model on it, the loaders. */
export interface Session {
  config: Config
  dataset: Dataset
  shape: SadaanShape
  variants: RunVariants
  device: Device
  engine: TrainingEngine
  /** what both loaders decode with */
  decoders: Decoders
  trainLoader: Loader
  validationLoader: Loader
}

/** What opening a session may need beside the configuration. */
export interface Opening {
  /** gets the lines a user wants to see before training starts */
  say(line: string): void
  /** the point that training goes on from */
  resume?: ResumePoint | undefined
  /** ends the measuring of variants early */
  stop?: AbortSignal
}

/**
 * Opens everything; nothing is written but what is measured. Throws InputError for data or a batch size that cannot work, with the
 * largest batch that fits.
 */
export async function openSession(config: Config, opening: Opening): Promise<Session> {
  const { say, resume } = opening
  const dataset = await openDataset(config.dataset_path)
  if (resume) checkSameData(resume, dataset, say)
  const shape = shapeFor(config, dataset)
  checkNormalisable(config, shape)
  const { train, val } = dataset.splits as Record<'train' | 'val', Split>
  const decoders = decodersFor(config, config.training.batch_size)
  const trainLoader = loaderFor(config, shape, train, decoders, {
    order: config.training.shuffle ? 'shuffled' : 'sequential',
    dropLast: true,
  })
  const validationLoader = loaderFor(config, shape, val, decoders, { order: 'sequential', dropLast: false })
  if (dataset.imageSize.join() !== shape.size.join())
    say(
      `samples are resampled from ${dataset.imageSize.join('×')} to ${shape.size.join('×')} (trilinear images, nearest masks)`,
    )
  const device = await Device.open(wantedAdapter(config), config.compute)
  const { engine, variants } = await openEngine(device, config, shape, dataset.structureNames, opening)
  return { config, dataset, shape, variants, device, engine, decoders, trainLoader, validationLoader }
}

/** Before anything is measured it must be sure that the batch fits. */
async function openEngine(
  device: Device,
  config: Config,
  shape: SadaanShape,
  structureNames: readonly string[],
  { say, resume, stop }: Opening,
): Promise<{ engine: TrainingEngine; variants: RunVariants }> {
  const { batch_size } = config.training
  const rehearse = (batchSize: number) => {
    const choice = knownChoice(device, config, () => undefined)
    return TrainingEngine.rehearse(device, config, shape, structureNames, batchSize, choice)
  }
  if (config.compute.autotune === 'full') await withBatchThatFits(device, batch_size, rehearse, rehearse)
  const recorded = resume && FixedChoice.fromRecord(resume.progress.variants, resume.path)
  const attempt = async (batchSize: number) => {
    const calls = TrainingEngine.calls(config, shape, structureNames, batchSize)
    const variants = await fixVariants({ device, config, calls, recorded, say, ...(stop ? { stop } : {}) })
    const { choice } = variants.fixed
    const engine = await TrainingEngine.allocate(device, config, shape, structureNames, batchSize, choice)
    return { engine, variants }
  }
  return withBatchThatFits(device, batch_size, attempt, rehearse)
}

/** Batch statistics need two values a channel, and the lowest level has a voxel for every 16³. */
function checkNormalisable({ training }: Config, { size }: SadaanShape): void {
  if (training.batch_size === 1 && size.every(axis => axis === 16))
    throw new InputError(
      `training.batch_size is 1: one sample of ${size.join('×')} leaves a single voxel to normalise by, expected 2 samples or a larger volume`,
    )
}

function loaderFor(
  config: Config,
  shape: SadaanShape,
  split: Split,
  decoders: Decoders,
  how: { order: 'shuffled' | 'sequential'; dropLast: boolean },
): Loader {
  const imageSize: [number, number, number] = [...shape.size]
  return new Loader({
    split,
    decoders,
    structures: shape.structures,
    batchSize: config.training.batch_size,
    seed: config.seed,
    imageSize,
    ...how,
  })
}

/**
 * Gives model and optimiser their first values: those of the point to resume from, else those of `model.pretrained`, else PyTorch's
 * distributions from the seed. Throws InputError when a file cannot be read or is of another model.
 */
export function initialise({ config, engine }: Session, resume?: ResumePoint): void {
  const { storage, state, optimizer } = engine
  const { pretrained } = config.model
  if (resume) {
    const { checkpoint, progress, path } = resume
    writeModel(storage, state, checkpoint.model, path)
    writeOptimizer(storage, state, optimizer, checkpoint.optimizer!, progress.skipped, path)
    if (progress.lossScale) writeLossScale(storage, state, config, progress.lossScale)
  } else if (pretrained !== null) writeModel(storage, state, readWeights(pretrained), pretrained)
  else writeInitial(storage, state, config.seed)
}

export function closeSession({ decoders, engine, device }: Session): void {
  decoders.close()
  engine.destroy()
  device.close()
}

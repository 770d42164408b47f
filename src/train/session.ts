import type { Config } from '../config/schema.ts'
import { type Dataset, openDataset } from '../data/dataset/dataset.ts'
import type { Decoders } from '../data/loader/decoders.ts'
import { Loader } from '../data/loader/loader.ts'
import { Device } from '../gpu/device.ts'
import type { SadaanShape } from '../nn/specification.ts'
import { Windows } from '../optim/windows.ts'
import { withBatchThatFits } from '../run/memory.ts'
import {
  initialisationOf,
  writeAverage,
  writeInitial,
  writeLossScale,
  writeModel,
  writeOptimizer,
} from '../run/model_weights.ts'
import { decodersFor, shapeFor, wantedAdapter } from '../run/open.ts'
import { fixVariants, knownChoice, type RunVariants } from '../run/variants.ts'
import { FixedChoice } from '../tune/choice.ts'
import { Closer } from '../util/closer.ts'
import { InputError } from '../util/error.ts'
import type { ImageSize } from '../util/shape.ts'
import { TrainingEngine } from './engine.ts'
import { type Pretrained, pretrainedWeights } from './pretrained.ts'
import { checkSameData, type ResumePoint } from './resume.ts'
import { type TrainingSpec, trainingCalls } from './training_plans.ts'

/** Everything that training has open: the dataset, the device with the model on it, the loaders. */
export interface Session {
  config: Config
  dataset: Dataset
  shape: SadaanShape
  variants: RunVariants
  device: Device
  engine: TrainingEngine
  trainLoader: Loader
  validationLoader: Loader
  /** of the training batches */
  windows: Windows
  close(): Promise<void>
}

export interface SessionOptions {
  /** gets the lines that a user wants to see before training starts */
  say(line: string): void
  /** the checkpoint to resume from */
  resume?: ResumePoint | undefined
  /** ends the measuring of variants early */
  stop?: AbortSignal
}

/**
 * Opens everything, or closes again what it has opened. Writes nothing but measured variants. Throws InputError for unusable data and for
 * a batch size that does not fit, naming the largest that does.
 */
export function openSession(config: Config, options: SessionOptions): Promise<Session> {
  return Closer.opening(async closer => {
    const { say, resume } = options
    const dataset = await openDataset(config.dataset_path)
    if (resume) checkSameData(resume, dataset, say)
    const shape = shapeFor(config, dataset)
    checkNormalisable(config, shape)
    checkMonitored(config, dataset)
    const decoders = closer.add(decodersFor(config, config.training.batch_size), each => each.close())
    const loaders = loadersFor(config, shape, dataset, decoders)
    if (dataset.imageSize.join() !== shape.size.join())
      say(
        `samples are resampled from ${dataset.imageSize.join('×')} to ${shape.size.join('×')} (trilinear images, nearest masks)`,
      )
    const device = closer.add(await Device.open(wantedAdapter(config), config.compute), each => each.close())
    const { structureNames } = dataset
    const spec = { config, shape, structureNames, batchSize: config.training.batch_size }
    const { engine, variants } = await openEngine(device, spec, options)
    closer.add(engine, each => each.close())
    const windows = new Windows(loaders.trainLoader.batchesPerEpoch, config.training.gradient_accumulation_steps)
    return { config, dataset, shape, variants, device, engine, ...loaders, windows, close: () => closer.close() }
  })
}

/** Makes sure that the batch fits before any variant is measured. */
async function openEngine(
  device: Device,
  spec: TrainingSpec,
  { say, resume, stop }: SessionOptions,
): Promise<{ engine: TrainingEngine; variants: RunVariants }> {
  const { config, batchSize } = spec
  const rehearse = (size: number) => {
    const choice = knownChoice(device, config, () => undefined)
    return TrainingEngine.rehearse(device, { ...spec, batchSize: size, choice })
  }
  if (config.compute.autotune === 'full') await withBatchThatFits({ device, batchSize, attempt: rehearse, rehearse })
  const recorded = resume && FixedChoice.fromRecord(resume.progress.variants, resume.path)
  const attempt = async (size: number) => {
    const sized = { ...spec, batchSize: size }
    const calls = trainingCalls(sized)
    const variants = await fixVariants({ device, config, calls, recorded, say, ...(stop ? { stop } : {}) })
    const engine = await TrainingEngine.allocate(device, { ...sized, choice: variants.fixed.choice })
    return { engine, variants }
  }
  return withBatchThatFits({ device, batchSize, attempt, rehearse })
}

/** Batch statistics need two values per channel, and the lowest level has one voxel per 16³. */
function checkNormalisable({ training }: Config, { size }: SadaanShape): void {
  if (training.batch_size === 1 && size.every(axis => axis === 16))
    throw new InputError(
      `training.batch_size is 1: one sample of ${size.join('×')} leaves a single voxel for batch norm, expected at least 2 samples or a larger volume`,
    )
}

/** Without a present structure there is no Dice, so no epoch would ever be the best. */
function checkMonitored({ checkpoint }: Config, { splits }: Dataset): void {
  const { presence, path } = splits.val!
  if (checkpoint.monitor === 'hard_dice' && !presence.includes(1))
    throw new InputError(
      `${path}: no structure is present in any sample, so Dice is undefined; expected checkpoint.monitor='total_loss'`,
    )
}

function loadersFor(
  { seed, training }: Config,
  { structures, size }: SadaanShape,
  { splits }: Dataset,
  decoders: Decoders,
): Pick<Session, 'trainLoader' | 'validationLoader'> {
  const common = { decoders, structures, batchSize: training.batch_size, seed, imageSize: [...size] as ImageSize }
  const order = training.shuffle ? 'shuffled' : 'sequential'
  return {
    trainLoader: new Loader({ ...common, split: splits.train!, order, dropLast: true }),
    validationLoader: new Loader({ ...common, split: splits.val!, order: 'sequential', dropLast: false }),
  }
}

/**
 * Initialises model and optimiser: from the checkpoint to resume from, else from the weights of `model.pretrained`, else as a new model.
 * Tells `say` in which respects those weights do not match the dataset. Returns what it took of them. Throws InputError if a file cannot
 * be read or holds another model.
 */
export function initialise(
  session: Session,
  { say, resume }: Pick<SessionOptions, 'say' | 'resume'>,
): Pretrained | undefined {
  const { config, engine } = session
  const { storage, state, optimizer } = engine
  const { averaged } = optimizer
  const { pretrained } = config.model
  const initialisation = initialisationOf(config)
  if (resume) {
    const { checkpoint, progress, path } = resume
    writeModel(storage, state, checkpoint.live ?? checkpoint.model, path)
    if (averaged) writeAverage(storage, averaged, checkpoint.model, path)
    writeOptimizer(engine, checkpoint.optimizer!, progress.skipped, path)
    if (progress.lossScale) writeLossScale(storage, state, config, progress.lossScale)
  } else if (pretrained !== null) {
    const taken = pretrainedWeights(pretrained, { ...session, initialisation }, say)
    writeModel(storage, state, taken.weights, taken.path)
    if (averaged) writeAverage(storage, averaged, taken.weights, taken.path)
    return taken
  } else for (const each of averaged ? [state, averaged] : [state]) writeInitial(storage, each, initialisation)
  return undefined
}

import type { Config } from '../config/schema.ts'
import type { Dataset } from '../data/dataset/dataset.ts'
import type { Decoders } from '../data/loader/decoders.ts'
import { Loader } from '../data/loader/loader.ts'
import { Ranks } from '../distributed/ranks.ts'
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
import { decodersFor, openTrainingDataset, shapeFor } from '../run/open.ts'
import { adapterOfRank } from '../run/rank_adapter.ts'
import { fixVariants, knownChoice, type RunVariants } from '../run/variants.ts'
import { FixedChoice } from '../tune/choice.ts'
import { Closer } from '../util/closer.ts'
import { InputError } from '../util/error.ts'
import { listed } from '../util/listing.ts'
import type { ImageSize } from '../util/shape.ts'
import { TrainingEngine } from './engine.ts'
import { type Pretrained, pretrainedWeights } from './pretrained.ts'
import { rankBatchSize } from './ranks/batch.ts'
import { checkSameRankData } from './ranks/same.ts'
import { Team } from './ranks/team.ts'
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
  team: Team
  /** samples of a batch: training.batch_size over the ranks */
  batchSize: number
  close(): Promise<void>
}

export interface SessionOptions {
  /** gets the lines that a user wants to see before training starts */
  say(line: string): void
  /** the checkpoint to resume from */
  resume?: ResumePoint | undefined
  /** this process alone by default; `stop` also ends the measuring of variants early */
  team?: Team
}

/**
 * Opens everything, or closes again what it has opened. Writes nothing but measured variants. Throws InputError for unusable data and for
 * a batch size that does not fit, naming the largest that does.
 */
export function openSession(config: Config, options: SessionOptions): Promise<Session> {
  return Closer.opening(async closer => {
    const { say, resume, team = new Team(Ranks.alone(), new AbortController().signal) } = options
    const batchSize = rankBatchSize(config, team.ranks.size)
    const dataset = await openTrainingDataset(config)
    if (resume) checkSameData(resume, dataset, say)
    const shape = shapeFor(config, dataset)
    checkNormalisable(batchSize, shape, team.ranks.size)
    checkMonitored(config, dataset)
    const decoders = closer.add(decodersFor(config, batchSize), each => each.close())
    const loaders = loadersFor({ config, shape, dataset, batchSize }, decoders)
    if (dataset.imageSize.join() !== shape.size.join())
      say(
        `samples are resampled from ${dataset.imageSize.join('×')} to ${shape.size.join('×')} (trilinear images, nearest masks)`,
      )
    const device = closer.add(await Device.open(await adapterOfRank(team.ranks, config), config.compute), each =>
      each.close(),
    )
    await checkSameRankData(team.ranks, dataset)
    await team.meet(device)
    if (team.isMixed && config.compute.precision === 'f16')
      throw new InputError("compute.precision is 'f16': expected the same adapter and driver on all ranks, or 'f32'")
    if (team.isMixed)
      say(
        `the ranks differ in adapters or drivers (${listed(
          team.adapters.map(({ name, driver }) => `${name}, ${driver}`),
          '; ',
        )}): rank 0 updates the weights and the others take them, so the bits are not those of one process`,
      )
    const { size } = team.ranks
    const windows = new Windows(loaders.trainLoader.batchesPerEpoch, config.training.gradient_accumulation_steps, size)
    const window = windows.longest
    const spec = { config, shape, structureNames: dataset.structureNames, batchSize, window, isShared: size > 1 }
    const { engine, variants } = await openEngine(device, spec, { say, resume, team })
    closer.add(engine, each => each.close())
    const opened = { config, dataset, shape, variants, device, engine, ...loaders, windows, team, batchSize }
    return { ...opened, close: () => closer.close() }
  })
}

/** Makes sure that the batch fits before any variant is measured. Rank 0 fixes the variants of all. */
async function openEngine(
  device: Device,
  spec: TrainingSpec,
  { say, resume, team }: SessionOptions & { team: Team },
): Promise<{ engine: TrainingEngine; variants: RunVariants }> {
  const { config, batchSize } = spec
  const rehearse = (size: number) => {
    const choice = knownChoice(device, config, () => undefined)
    return TrainingEngine.rehearse(device, { ...spec, batchSize: size, choice })
  }
  const trial = { device, batchSize, ranks: team.ranks.size, rehearse }
  if (config.compute.autotune === 'full') await withBatchThatFits({ ...trial, attempt: rehearse })
  const recorded = resume && FixedChoice.fromRecord(resume.progress.variants, resume.path)
  const attempt = async (size: number) => {
    const sized = { ...spec, batchSize: size }
    const calls = trainingCalls(sized)
    const { stop } = team
    const variants = await team.variantsOfRank0(() => fixVariants({ device, config, calls, recorded, say, stop }))
    const engine = await TrainingEngine.allocate(device, { ...sized, choice: variants.fixed.choice })
    return { engine, variants }
  }
  return withBatchThatFits({ ...trial, attempt })
}

/** Batch statistics need two values per channel, and the lowest level has one voxel per 16³. */
function checkNormalisable(batchSize: number, { size }: SadaanShape, ranks: number): void {
  if (batchSize === 1 && size.every(axis => axis === 16))
    throw new InputError(
      `training.batch_size is ${ranks}: one sample of ${size.join('×')}${ranks > 1 ? ' for each rank' : ''} leaves a single voxel for batch norm, expected at least 2 samples or a larger volume`,
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
  { config, shape, dataset, batchSize }: Pick<Session, 'config' | 'shape' | 'dataset' | 'batchSize'>,
  decoders: Decoders,
): Pick<Session, 'trainLoader' | 'validationLoader'> {
  const { seed, training } = config
  const { structures, size } = shape
  const { splits } = dataset
  const common = { decoders, structures, batchSize, seed, imageSize: [...size] as ImageSize }
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

import { dirname, join } from 'node:path'
import { afterEpoch, learningRate, type ScheduleSettings } from '../optim/schedule.ts'
import { InputError } from '../util/error.ts'
import { Checkpoints } from './checkpoints.ts'
import type { EarlierCheckpoints } from './earlier_checkpoints.ts'
import { afterValidation, type BestModel, shouldStop } from './early_stopping.ts'
import { EpochRunner } from './epoch_runner.ts'
import { type HostState, initialState, resumedState, scheduleSettings } from './host_state.ts'
import { placeText } from './progress.ts'
import type { ResumePoint } from './resume.ts'
import { SamplePictures } from './sample_pictures.ts'
import type { Session } from './session.ts'
import { Tally } from './tally.ts'
import type { TrainingLog } from './training_log.ts'

export interface FitResult {
  /** TIMEOUT: stopped in order to be resumed */
  status: 'COMPLETED' | 'INTERRUPTED' | 'TIMEOUT'
  /** why training ended before its last epoch, if it did */
  reason?: string
  /** epochs finished in total */
  epochs: number
  best: BestModel
  /** of the last validation */
  validation: Tally | undefined
  bestPath: string
}

interface FitOptions {
  /** the checkpoint to resume from; the session has its weights already */
  point: ResumePoint | undefined
  /** the checkpoints that the first one of this training would replace */
  earlier?: EarlierCheckpoints | undefined
}

/** The training loop: epochs with validation, learning rate schedule, checkpoints and early stopping. */
export class Fit {
  private readonly session: Session
  private readonly log: TrainingLog
  private readonly point: ResumePoint | undefined
  private readonly settings: ScheduleSettings
  private readonly state: HostState
  private readonly checkpoints: Checkpoints
  private readonly runner: EpochRunner
  private readonly pictures: SamplePictures | undefined
  private validation: Tally | undefined

  /** Throws InputError if `point` lies beyond the batches of an epoch. */
  constructor(session: Session, log: TrainingLog, { point, earlier }: FitOptions) {
    const { config, trainLoader, windows } = session
    if (point) checkPosition(point, trainLoader.batchesPerEpoch)
    this.session = session
    this.log = log
    this.settings = scheduleSettings(config, windows)
    const state = point ? resumedState(point, this.settings) : initialState(this.settings)
    this.state = state
    this.point = point
    const run = log.record?.id ?? null
    this.checkpoints = new Checkpoints({ session, state, run, isResumed: point !== undefined, earlier })
    this.runner = new EpochRunner({ session, log, state, checkpoints: this.checkpoints })
    this.pictures = SamplePictures.of(session, log)
  }

  /**
   * Trains to the last epoch, until early stopping, or until stopped. All checkpoints are then on disk. Throws DivergedError, WriteError,
   * or what the device or the data threw.
   */
  async run(): Promise<FitResult> {
    try {
      const result = await this.epochs()
      await this.checkpoints.finish()
      return result
    } finally {
      await this.checkpoints.close()
    }
  }

  /** The checkpoint written last in this run; undefined before the first. */
  get newestCheckpoint(): string | undefined {
    return this.checkpoints.newest
  }

  /** The best model so far; undefined before the first finite validation. */
  get bestCheckpoint(): string | undefined {
    return this.state.best.epoch === null ? undefined : this.bestPath
  }

  /** Until training finds a better model, the best is beside the checkpoint that it resumes from. */
  private get bestPath(): string {
    const { point, state, session } = this
    const isFoundHere = !point || state.best.epoch !== point.progress.best.epoch
    return join(isFoundHere ? session.config.checkpoint.save_dir : dirname(point.path), 'best_model.pth')
  }

  private async epochs(): Promise<FitResult> {
    const { training } = this.session.config
    let reason: string | undefined
    while (this.state.position.epoch < training.num_epochs && !reason) {
      const finished = await this.runEpoch()
      if (!finished) return this.stopped()
      if (shouldStop(this.state.best, training.early_stopping_patience))
        reason = `no better validation in ${training.early_stopping_patience}: stopped early`
    }
    if (this.validation) this.log.final(this.state.position.epoch - 1, this.validation)
    return this.result('COMPLETED', reason)
  }

  private stopped(): FitResult {
    const { position } = this.checkpoints
    const reason = position ? `stopped ${placeText(position)}` : 'stopped before the first update'
    return this.result(this.session.team.stop.reason === 'TIMEOUT' ? 'TIMEOUT' : 'INTERRUPTED', reason)
  }

  private result(status: FitResult['status'], reason?: string): FitResult {
    const { position, best } = this.state
    const { validation, bestPath } = this
    return { status, epochs: position.epoch, best, validation, bestPath, ...(reason === undefined ? {} : { reason }) }
  }

  /** Returns false if stopped before the end of the epoch; its position is then being saved. */
  private async runEpoch(): Promise<boolean> {
    const { session, settings, state, runner } = this
    const { config, engine, shape, team, windows } = session
    const { position } = state
    const { epoch } = position
    const rateOf = (update: number): number => learningRate(settings, state.schedule, { epoch, update })
    this.log.epochStart(epoch, rateOf(windows.updateOf({ epoch, batch: 0 })), position.batch)
    const train = new Tally(shape.structures, config.model.presence_threshold, position.tally)
    if (!(await runner.train(position, rateOf, train))) return false
    const validation = this.isValidated(epoch) ? await runner.validate(epoch, train) : undefined
    if (this.isValidated(epoch) && !validation) return false
    state.trainLossHistory.push(train.loss.total)
    if (validation) this.judge(epoch, validation)
    state.schedule = afterEpoch(settings, state.schedule, epoch, validation?.loss.total)
    this.logEpoch(train, validation)
    await team.compare(`after epoch ${epoch + 1}`, engine)
    if (validation) await this.pictures?.validated(epoch, state.best)
    state.position = { epoch: epoch + 1, batch: 0 }
    await this.checkpoints.saveEpoch(state.best.epoch === epoch)
    return true
  }

  private isValidated(epoch: number): boolean {
    const { validate_every_n_epochs, num_epochs } = this.session.config.training
    return (epoch + 1) % validate_every_n_epochs === 0 || epoch + 1 === num_epochs
  }

  private judge(epoch: number, validation: Tally): void {
    const { state } = this
    const { monitor } = this.session.config.checkpoint
    this.validation = validation
    state.valLossHistory.push(validation.loss.total)
    const metric = monitor === 'total_loss' ? validation.loss.total : (validation.hardDice ?? Number.NaN)
    state.best = afterValidation(monitor, state.best, epoch, metric)
  }

  private logEpoch(train: Tally, validation: Tally | undefined): void {
    const { batchSize, engine, trainLoader } = this.session
    const { position, best } = this.state
    const { epoch } = position
    this.log.epochEnd({
      epoch,
      train,
      validation,
      samples: (trainLoader.batchesPerEpoch - position.batch) * batchSize,
      bytes: engine.device.allocated,
      loaderWait: this.runner.loaderWait,
      isBest: best.epoch === epoch,
    })
  }
}

function checkPosition({ path, position }: ResumePoint, batchesPerEpoch: number): void {
  if (position.batch > batchesPerEpoch)
    throw new InputError(`${path}: ${position.batch} batches of an epoch are done, expected at most ${batchesPerEpoch}`)
}

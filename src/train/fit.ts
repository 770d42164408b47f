import { join } from 'node:path'
import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import type { Config } from '../config/schema.ts'
import {
  afterEpoch,
  fromTorchScheduler,
  initialSchedule,
  learningRate,
  type ScheduleSettings,
  type ScheduleState,
} from '../optim/schedule.ts'
import type { BatchResult } from '../run/batch_result.ts'
import { InFlight, STEPS_IN_FLIGHT } from '../run/in_flight.ts'
import type { DeviceState } from '../run/model_weights.ts'
import { InputError } from '../util/error.ts'
import { fingerprintOf } from './data_fingerprint.ts'
import { afterValidation, type BestModel, noBestModel, shouldStop } from './early_stopping.ts'
import type { UpdateResult } from './engine.ts'
import { type HostState, type Position, placeText } from './progress.ts'
import type { ResumePoint } from './resume.ts'
import { SamplePictures } from './sample_pictures.ts'
import { checkpointOf, Saver } from './saver.ts'
import type { Session } from './session.ts'
import { Tally } from './tally.ts'
import type { TrainingLog } from './training_log.ts'

/** Updates in a row that may be skipped because the gradient was not finite; one more ends the training. */
const SKIPS_ALLOWED = 10

export interface FitResult {
  /** TIMEOUT: stopped to be run again */
  status: 'COMPLETED' | 'INTERRUPTED' | 'TIMEOUT'
  /** why training ended before its last epoch, if it did */
  reason?: string
  /** epochs finished in all */
  epochs: number
  best: BestModel
  /** of the last validation */
  validation: Tally | undefined
  bestPath: string
}

/** The gradient stayed non-finite; the weights are those of before. */
export class DivergedError extends Error {
  override name = 'DivergedError'
}

function scheduleSettings({ optimizer, training, compat }: Config): ScheduleSettings {
  return {
    scheduler: optimizer.lr_scheduler,
    compat,
    base: training.learning_rate,
    warmupEpochs: training.warmup_epochs,
    min: optimizer.lr_min,
    period: optimizer.lr_restart_period,
    factor: optimizer.lr_factor,
    patience: optimizer.lr_patience,
  }
}

/** The training loop: epochs of windows of batches, validation, schedule, checkpoints, early stopping. */
export class Fit {
  private readonly session: Session
  private readonly log: TrainingLog
  private readonly stop: AbortSignal
  private readonly saver: Saver
  private readonly pictures: SamplePictures | undefined
  private readonly settings: ScheduleSettings
  private schedule: ScheduleState
  private best: BestModel = noBestModel()
  private epoch = 0
  /** where this run goes on */
  private begin: Position = { epoch: 0, batch: 0 }
  private batches = 0
  /** what the newest save holds, and `batches` then */
  private saved: { position?: Position; batches: number } = { batches: 0 }
  private skipsInARow = 0
  private loaderWait = 0 // seconds that this epoch's training waited for batches
  private trainLosses: number[] = []
  private validationLosses: number[] = []
  private validation: Tally | undefined

  /** `stop`: when aborted, training saves and ends after the window at hand; the reason 'TIMEOUT' says that it is to be run again. */
  constructor(session: Session, log: TrainingLog, stop: AbortSignal) {
    this.session = session
    this.log = log
    this.stop = stop
    this.saver = new Saver(session.engine, session.config)
    this.pictures = SamplePictures.of(session, log)
    this.settings = scheduleSettings(session.config)
    this.schedule = initialSchedule(this.settings)
  }

  /** Goes on from a point whose weights the session has loaded. Throws InputError when it lies beyond the epoch's batches. */
  continueFrom({ path, checkpoint, progress, position }: ResumePoint): void {
    const { batchesPerEpoch } = this.session.trainLoader
    if (position.batch > batchesPerEpoch)
      throw new InputError(
        `${path}: ${position.batch} batches of an epoch are done, expected at most ${batchesPerEpoch}`,
      )
    this.schedule =
      progress.schedule ?? fromTorchScheduler(this.settings, checkpoint.scheduler ?? null) ?? this.schedule
    this.best = progress.best
    this.batches = progress.batches
    this.saved = { position, batches: progress.batches }
    this.skipsInARow = progress.skippedInARow ?? 0
    this.epoch = position.epoch
    this.begin = position
    this.trainLosses = checkpoint.trainLossHistory
    this.validationLosses = checkpoint.valLossHistory
  }

  /**
   * Trains to the last epoch, to early stopping, or until stopped; what was to be saved is then on the disk. Throws DivergedError,
   * WriteError, or what the device or the data threw.
   */
  async run(): Promise<FitResult> {
    try {
      const result = await this.epochs()
      await this.saver.finish()
      return result
    } finally {
      await this.saver.close()
    }
  }

  /** The checkpoint written last in this run; undefined before the first. */
  get newestCheckpoint(): string | undefined {
    return this.saver.newest
  }

  private async epochs(): Promise<FitResult> {
    const { training } = this.session.config
    let reason: string | undefined
    while (this.epoch < training.num_epochs && !reason) {
      const finished = await this.runEpoch()
      if (!finished) return this.stopped()
      if (shouldStop(this.best, training.early_stopping_patience))
        reason = `no better validation in ${training.early_stopping_patience}: stopped early`
    }
    if (this.validation) this.log.final(this.epoch - 1, this.validation)
    return this.result('COMPLETED', reason)
  }

  private stopped(): FitResult {
    const { position } = this.saved
    const reason = position ? `stopped ${placeText(position)}` : 'stopped before the first update'
    return this.result(this.stop.reason === 'TIMEOUT' ? 'TIMEOUT' : 'INTERRUPTED', reason)
  }

  private result(status: FitResult['status'], reason?: string): FitResult {
    const bestPath = join(this.session.config.checkpoint.save_dir, 'best_model.pth')
    const { epoch: epochs, best, validation } = this
    return { status, epochs, best, validation, bestPath, ...(reason === undefined ? {} : { reason }) }
  }

  /** False when it was stopped before its end; where it stood is then being saved. */
  private async runEpoch(): Promise<boolean> {
    const { config, engine, shape, trainLoader } = this.session
    const epoch = this.epoch
    const rate = learningRate(this.settings, this.schedule, epoch)
    const { batch: from, tally } = this.begin.epoch === epoch ? this.begin : { batch: 0 }
    this.log.epochStart(epoch, rate, from)
    const train = new Tally(shape.structures, config.model.presence_threshold, tally)
    if (!(await this.trainEpoch(epoch, from, rate, train))) return false
    const due = (epoch + 1) % config.training.validate_every_n_epochs === 0 || epoch + 1 === config.training.num_epochs
    const validation = due ? await this.validate(epoch, train) : undefined
    if (due && !validation) return false
    this.trainLosses.push(train.loss.total)
    if (validation) this.judge(epoch, validation)
    this.schedule = afterEpoch(this.settings, this.schedule, epoch, validation?.loss.total)
    const isBest = this.best.epoch === epoch
    const samples = (trainLoader.batchesPerEpoch - from) * config.training.batch_size
    const { loaderWait } = this
    this.log.epochEnd(epoch, rate, train, validation, { samples, bytes: engine.device.allocated, loaderWait, isBest })
    if (validation) await this.pictures?.validated(epoch, this.best)
    this.epoch++
    await this.saveEpoch(epoch, isBest)
    return true
  }

  private judge(epoch: number, validation: Tally): void {
    const { monitor } = this.session.config.checkpoint
    this.validation = validation
    this.validationLosses.push(validation.loss.total)
    const figure = monitor === 'total_loss' ? validation.loss.total : validation.hardDice
    this.best = afterValidation(monitor, this.best, epoch, figure)
  }

  /**
   * The windows of an epoch that are left. Results are handled in arrears: the loop waits only for the step before the last. False when
   * it was stopped, which it is behind a window.
   */
  private async trainEpoch(epoch: number, from: number, rate: number, tally: Tally): Promise<boolean> {
    const { config, engine, trainLoader } = this.session
    const { gradient_accumulation_steps: window } = config.training
    const batches = trainLoader.batchesPerEpoch
    const started = performance.now()
    let batch = from
    let stopped = this.stop.aborted
    this.loaderWait = 0
    await InFlight.during(async pending => {
      for await (const host of stopped ? [] : trainLoader.epoch(epoch, from)) {
        this.loaderWait += host.waited
        const first = batch % window === 0
        const share = 1 / Math.min(window, batches - (batch - (batch % window)))
        const samples = [...host.samples]
        const at = { epoch, batch: ++batch, batches, step: this.batches++, learningRate: rate }
        const result = engine.accumulate(host, { seed: config.seed, epoch, share, first })
        pending.addInOrder(result, values => this.trained(values, tally, at))
        if (batch % window === 0 || batch === batches) {
          pending.addInOrder(engine.update(rate), update => this.updated(update, epoch, samples))
          stopped = this.stop.aborted
          if (stopped || this.saver.isDue) await this.savePosition({ epoch, batch }, tally, pending)
          if (stopped) break
        }
        await pending.settle(STEPS_IN_FLIGHT)
        if (batch - from === PACING_BATCHES) engine.paced((performance.now() - started) / 1000 / PACING_BATCHES)
      }
    })
    return !stopped
  }

  private trained(result: BatchResult, tally: Tally, at: Parameters<TrainingLog['batch']>[0]): void {
    tally.add(result)
    this.log.batch(at, result)
  }

  private updated({ applied, lossScale }: UpdateResult, epoch: number, samples: readonly number[]): void {
    if (!applied && lossScale > 1) {
      // the scale may be to blame, not the data: a smaller one is tried first
      this.log.console.warn(
        `epoch ${epoch + 1}: the gradient overflowed, update skipped; loss scale now ${lossScale / 2}`,
      )
      return
    }
    this.skipsInARow = applied ? 0 : this.skipsInARow + 1
    if (!applied) this.log.console.warn(`epoch ${epoch + 1}: the gradient is not finite, update skipped`)
    if (this.skipsInARow > SKIPS_ALLOWED)
      throw new DivergedError(
        `${this.skipsInARow} updates in a row had a non-finite gradient, the last with samples ${samples.join(', ')}: lower training.learning_rate or look at the data`,
      )
  }

  /** The whole validation split, or undefined when stopped. */
  private async validate(epoch: number, train: Tally): Promise<Tally | undefined> {
    const { config, engine, validationLoader, trainLoader, shape } = this.session
    const tally = new Tally(shape.structures, config.model.presence_threshold)
    let batch = 0
    let stopped = false
    await InFlight.during(async pending => {
      for await (const host of validationLoader.epoch(epoch)) {
        stopped = this.stop.aborted
        if (stopped || this.saver.isDue) await this.savePosition({ epoch, batch: trainLoader.batchesPerEpoch }, train)
        if (stopped) break
        pending.addInOrder(engine.evaluate(host), result => tally.add(result))
        await pending.settle(STEPS_IN_FLIGHT)
        this.log.validationBatch(epoch, ++batch, validationLoader.batchesPerEpoch)
      }
    })
    return stopped ? undefined : tally
  }

  /** last.pth of a point within an epoch, unless that was saved already. `pending` holds the work whose results the tally still lacks. */
  private async savePosition(position: Position, tally: Tally, pending?: InFlight): Promise<void> {
    const { batches } = this
    if (batches === this.saved.batches) return
    const describe = (copy: DeviceState): Checkpoint =>
      checkpointOf(
        this.session,
        this.settings,
        copy,
        this.standing({ ...position, tally: tally.state }, batches),
        false,
      )
    await this.saver.save(['last.pth'], describe, pending)
    this.saved = { position, batches }
  }

  /** last.pth every epoch, best_model.pth when it is, and checkpoint_epoch_N.pth every save_frequency epochs. */
  private async saveEpoch(epoch: number, isBest: boolean): Promise<void> {
    const { save_frequency, keep_best_only } = this.session.config.checkpoint
    const names = isBest ? ['best_model.pth'] : []
    if (!keep_best_only && (epoch + 1) % save_frequency === 0) names.push(`checkpoint_epoch_${epoch + 1}.pth`)
    names.push('last.pth')
    const { batches } = this
    const position = { epoch: epoch + 1, batch: 0 }
    const standing = this.standing(position, batches)
    await this.saver.save(names, copy => checkpointOf(this.session, this.settings, copy, standing, isBest))
    this.saved = { position, batches }
  }

  /** What the host knows of where training stands, behind the results handled so far. */
  private standing(position: Position, batches: number): HostState {
    const { config, dataset, variants } = this.session
    const { schedule, best, skipsInARow } = this
    // the original keeps 10, whatever is set
    const kept = -(config.compat === 'reference' ? 10 : config.training.max_history_length)
    return {
      progress: {
        config,
        position,
        schedule,
        best,
        batches,
        skippedInARow: skipsInARow,
        run: this.log.record?.id ?? null,
        variants: variants.fixed.toRecord(),
        data: fingerprintOf(dataset),
      },
      trainLossHistory: this.trainLosses.slice(kept),
      valLossHistory: this.validationLosses.slice(kept),
    }
  }
}

/** Batches after which the pace of the adapter is known well enough to cut submits by it. */
const PACING_BATCHES = 4

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Checkpoint, writeCheckpoint } from '../checkpoint/checkpoint.ts'
import type { Json } from '../config/json.ts'
import type { Config } from '../config/schema.ts'
import {
  afterEpoch,
  fromTorchScheduler,
  initialSchedule,
  learningRate,
  type ScheduleSettings,
  type ScheduleState,
  schedulerRate,
  toTorchScheduler,
} from '../optim/schedule.ts'
import { afterValidation, type BestModel, noBestModel, shouldStop } from './early_stopping.ts'
import type { UpdateResult } from './engine.ts'
import { InFlight } from './in_flight.ts'
import type { TrainingLog } from './log.ts'
import { STEPS_IN_FLIGHT } from './pacing.ts'
import { type Progress, type ResumePoint, toRecord } from './resume.ts'
import { SamplePictures } from './sample_pictures.ts'
import type { Session } from './session.ts'
import { readLossScale, readModel, readOptimizer } from './snapshot.ts'
import { type BatchResult, Tally } from './tally.ts'

/** Updates in a row that may be skipped because the gradient was not finite; one more ends the training. */
const SKIPS_ALLOWED = 10

export interface FitResult {
  status: 'COMPLETED' | 'INTERRUPTED'
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
  private readonly pictures: SamplePictures | undefined
  private readonly settings: ScheduleSettings
  private schedule: ScheduleState
  private best: BestModel = noBestModel()
  private epoch = 0
  private batches = 0
  private skipsInARow = 0
  private loaderWait = 0 // seconds that this epoch's training waited for batches
  private trainLosses: number[] = []
  private validationLosses: number[] = []
  private validation: Tally | undefined

  /** `stop`: when aborted, training ends after the step at hand. */
  constructor(session: Session, log: TrainingLog, stop: AbortSignal) {
    this.session = session
    this.log = log
    this.stop = stop
    this.pictures = SamplePictures.of(session, log)
    this.settings = scheduleSettings(session.config)
    this.schedule = initialSchedule(this.settings)
  }

  /** Goes on behind the epoch of a checkpoint whose weights the session has loaded. */
  continueFrom({ checkpoint, progress }: ResumePoint): void {
    this.schedule =
      progress.schedule ?? fromTorchScheduler(this.settings, checkpoint.scheduler ?? null) ?? this.schedule
    this.best = progress.best
    this.batches = progress.batches
    this.epoch = checkpoint.epoch + 1
    this.trainLosses = checkpoint.trainLossHistory
    this.validationLosses = checkpoint.valLossHistory
  }

  /** Trains to the last epoch, to early stopping, or until stopped. Throws DivergedError, or what the device or the data threw. */
  async run(): Promise<FitResult> {
    const { training, checkpoint } = this.session.config
    mkdirSync(checkpoint.save_dir, { recursive: true })
    let reason: string | undefined
    while (this.epoch < training.num_epochs && !reason) {
      const finished = await this.runEpoch()
      if (!finished) return this.result('INTERRUPTED', `stopped in epoch ${this.epoch + 1}`)
      if (shouldStop(this.best, training.early_stopping_patience))
        reason = `no better validation in ${training.early_stopping_patience}: stopped early`
    }
    if (this.validation) this.log.final(this.epoch - 1, this.validation)
    return this.result('COMPLETED', reason)
  }

  private result(status: FitResult['status'], reason?: string): FitResult {
    const bestPath = join(this.session.config.checkpoint.save_dir, 'best_model.pth')
    const { epoch: epochs, best, validation } = this
    return { status, epochs, best, validation, bestPath, ...(reason === undefined ? {} : { reason }) }
  }

  /** False when it was stopped before its end; the epoch then counts for nothing. */
  private async runEpoch(): Promise<boolean> {
    const { config, engine, trainLoader } = this.session
    const epoch = this.epoch
    const rate = learningRate(this.settings, this.schedule, epoch)
    this.log.epochStart(epoch, rate)
    const train = await this.trainEpoch(epoch, rate)
    if (!train) return false
    const due = (epoch + 1) % config.training.validate_every_n_epochs === 0 || epoch + 1 === config.training.num_epochs
    const validation = due ? await this.validate(epoch) : undefined
    if (due && !validation) return false
    this.trainLosses.push(train.loss.total)
    if (validation) this.judge(epoch, validation)
    this.schedule = afterEpoch(this.settings, this.schedule, epoch, validation?.loss.total)
    const isBest = this.best.epoch === epoch
    const samples = trainLoader.batchesPerEpoch * config.training.batch_size
    const { loaderWait } = this
    this.log.epochEnd(epoch, rate, train, validation, { samples, bytes: engine.device.allocated, loaderWait, isBest })
    if (validation) await this.pictures?.validated(epoch, this.best)
    await this.save(epoch, isBest)
    this.epoch++
    return true
  }

  private judge(epoch: number, validation: Tally): void {
    const { monitor } = this.session.config.checkpoint
    this.validation = validation
    this.validationLosses.push(validation.loss.total)
    const figure = monitor === 'total_loss' ? validation.loss.total : validation.hardDice
    this.best = afterValidation(monitor, this.best, epoch, figure)
  }

  /** All windows of an epoch. Results are handled in arrears: the loop waits only for the step before the last. */
  private async trainEpoch(epoch: number, rate: number): Promise<Tally | undefined> {
    const { config, engine, trainLoader, shape } = this.session
    const { gradient_accumulation_steps: window } = config.training
    const batches = trainLoader.batchesPerEpoch
    const tally = new Tally(shape.structures, config.model.presence_threshold)
    const started = performance.now()
    let batch = 0
    this.loaderWait = 0
    await InFlight.during(async pending => {
      for await (const host of trainLoader.epoch(epoch)) {
        if (this.stop.aborted) break
        this.loaderWait += host.waited
        const first = batch % window === 0
        const share = 1 / Math.min(window, batches - (batch - (batch % window)))
        const samples = [...host.samples]
        const at = { epoch, batch: ++batch, batches, step: this.batches++, learningRate: rate }
        const result = engine.accumulate(host, { seed: config.seed, epoch, share, first })
        pending.add(result.then(values => this.trained(values, tally, at)))
        if (batch % window === 0 || batch === batches)
          pending.add(engine.update(rate).then(update => this.updated(update, epoch, samples)))
        await pending.settle(STEPS_IN_FLIGHT)
        if (batch === PACING_BATCHES) engine.paced((performance.now() - started) / 1000 / PACING_BATCHES)
      }
    })
    return this.stop.aborted ? undefined : tally
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
  private async validate(epoch: number): Promise<Tally | undefined> {
    const { config, engine, validationLoader, shape } = this.session
    const tally = new Tally(shape.structures, config.model.presence_threshold)
    let batch = 0
    await InFlight.during(async pending => {
      for await (const host of validationLoader.epoch(epoch)) {
        if (this.stop.aborted) break
        pending.add(engine.evaluate(host).then(result => tally.add(result)))
        await pending.settle(STEPS_IN_FLIGHT)
        this.log.validationBatch(epoch, ++batch, validationLoader.batchesPerEpoch)
      }
    })
    return this.stop.aborted ? undefined : tally
  }

  /** last.pth every epoch, best_model.pth when it is, and checkpoint_epoch_N.pth every save_frequency epochs. */
  private async save(epoch: number, isBest: boolean): Promise<void> {
    const { save_dir, save_frequency, keep_best_only } = this.session.config.checkpoint
    const checkpoint = await this.checkpoint(epoch, isBest)
    const names = isBest ? ['best_model.pth'] : []
    if (!keep_best_only && (epoch + 1) % save_frequency === 0) names.push(`checkpoint_epoch_${epoch + 1}.pth`)
    names.push('last.pth')
    for (const name of names) writeCheckpoint(join(save_dir, name), checkpoint)
  }

  private async checkpoint(epoch: number, isBest: boolean): Promise<Checkpoint> {
    const { config, engine, dataset, variants } = this.session
    const { storage, state, optimizer } = engine
    const rate = schedulerRate(this.settings, this.schedule)
    const adam = await readOptimizer(storage, state, optimizer, config, rate)
    const kept = -config.training.max_history_length
    const lossScale = await readLossScale(storage, state, config)
    const { schedule, best, batches } = this
    const progress: Progress = {
      config,
      schedule,
      best,
      batches,
      skipped: adam.skipped,
      ...(lossScale && { lossScale }),
      run: this.log.record?.id ?? null,
      variants: variants.fixed.toRecord(),
    }
    return {
      epoch,
      model: await readModel(storage, state),
      optimizer: adam.optimizer,
      scheduler: toTorchScheduler(this.settings, this.schedule) as Record<string, Json> | null,
      structureNames: dataset.structureNames,
      isBest,
      trainLossHistory: this.trainLosses.slice(kept),
      valLossHistory: this.validationLosses.slice(kept),
      sadaan: toRecord(progress),
    }
  }
}

/** Batches after which the pace of the adapter is known well enough to cut submits by it. */
const PACING_BATCHES = 4

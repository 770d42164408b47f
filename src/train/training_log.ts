import type { Config } from '../config/schema.ts'
import { type BatchResult, TERMS } from '../run/batch_result.ts'
import type { Console } from '../track/console/console.ts'
import type { RunRecord } from '../track/run_record.ts'
import type { Session } from './session.ts'
import type { Tally } from './tally.ts'

/** The position within an epoch. */
export interface EpochProgress {
  epoch: number
  /** batches done in this epoch, and all of them */
  batch: number
  batches: number
  /** batches since training began */
  step: number
  learningRate: number
}

/** A finished epoch. */
export interface EpochEnd {
  epoch: number
  train: Tally
  /** undefined in epochs without validation */
  validation: Tally | undefined
  /** trained on by this run */
  samples: number
  /** allocated on the device */
  bytes: number
  /** seconds that training waited for batches */
  loaderWait: number
  isBest: boolean
}

/** Reports training to the console and, if the run is observed, to its record. Metric names are the original's. */
export class TrainingLog {
  readonly console: Console
  readonly record: RunRecord | undefined
  private readonly config: Config
  private readonly structureNames: readonly string[]
  private readonly batchSize: number
  private epochStarted = 0 // performance.now()
  private batchesBefore = 0 // done in this epoch by an earlier run
  private batchSecondsLeft: (batchesLeft: number) => number | undefined = () => undefined

  constructor(
    console: Console,
    record: RunRecord | undefined,
    session: Pick<Session, 'config' | 'dataset' | 'batchSize'>,
  ) {
    this.console = console
    this.record = record
    this.config = session.config
    this.structureNames = session.dataset.structureNames
    this.batchSize = session.batchSize
  }

  /** Without a value, the epoch is a gap in the record. */
  private metric(name: string, value: number | undefined, step: number): void {
    if (value !== undefined) this.record?.log(name, value, step)
  }

  /** `batchesBefore`: done in this epoch by an earlier run. */
  epochStart(epoch: number, learningRate: number, batchesBefore: number): void {
    this.epochStarted = performance.now()
    this.batchesBefore = batchesBefore
    this.metric('train.learning_rate', learningRate, epoch)
  }

  batch(at: EpochProgress, { terms }: BatchResult): void {
    const { epoch, batch, batches, step, learningRate } = at
    if (step % this.config.logging.log_frequency === 0)
      for (const term of TERMS) this.metric(`train.batch.${term}`, terms[term], step)
    const { total, ...parts } = terms
    const seconds = (performance.now() - this.epochStarted) / 1000
    const epochs = this.config.training.num_epochs
    const done = batch - this.batchesBefore
    const perBatch = seconds / done
    this.batchSecondsLeft = left => (done > 1 || epoch > 0 ? left * perBatch : undefined)
    this.console.batch({
      epoch,
      epochs,
      batch,
      batches,
      terms: parts,
      total,
      learningRate,
      samplesPerSecond: this.batchSize / perBatch,
      secondsLeft: this.batchSecondsLeft(batches - batch + (epochs - epoch - 1) * batches),
    })
  }

  validationBatch(epoch: number, batch: number, batches: number): void {
    this.console.validationBatch({ epoch, epochs: this.config.training.num_epochs, batch, batches })
  }

  epochEnd(end: EpochEnd): void {
    const { epoch, train, validation, samples, bytes, loaderWait, isBest } = end
    const seconds = (performance.now() - this.epochStarted) / 1000
    this.split('train', train, epoch)
    if (validation) {
      this.split('val', validation, epoch)
      this.metric('val.epoch.hard_dice', validation.hardDice, epoch)
      this.structureNames.forEach((name, s) => {
        const { presenceAccuracy, dice } = validation.ofStructure(s)
        this.metric(`val.presence_accuracy.${name}`, presenceAccuracy, epoch)
        this.metric(`val.dice.${name}`, dice, epoch)
      })
    }
    const samplesPerSecond = samples / seconds
    if (samples > 0) this.metric('system.samples_per_second', samplesPerSecond, epoch)
    this.metric('system.gpu_memory_bytes', bytes, epoch)
    this.metric('system.loader_wait_seconds', loaderWait, epoch)
    this.console.epochEnd({
      epoch,
      epochs: this.config.training.num_epochs,
      trainLoss: train.loss.total,
      validation: validation && {
        loss: validation.loss.total,
        presenceAccuracy: validation.presenceAccuracy,
        hardDice: validation.hardDice,
      },
      isBest,
      seconds,
    })
  }

  private split(split: 'train' | 'val', tally: Tally, epoch: number): void {
    const { total, ...terms } = tally.loss
    this.metric(`${split}.epoch.total_loss`, total, epoch)
    for (const [name, value] of Object.entries(terms)) this.metric(`${split}.epoch.${name}`, value, epoch)
    this.metric(`${split}.epoch.presence_accuracy`, tally.presenceAccuracy, epoch)
    this.metric(`${split}.epoch.mean_dice`, tally.meanDice, epoch)
  }

  final(epoch: number, validation: Tally): void {
    this.metric('final.validation_loss', validation.loss.total, epoch)
    this.metric('final.presence_accuracy', validation.presenceAccuracy, epoch)
    this.metric('final.mean_dice', validation.meanDice, epoch)
  }
}

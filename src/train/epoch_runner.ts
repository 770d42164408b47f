import type { BatchResult } from '../run/batch_result.ts'
import { InFlight, STEPS_IN_FLIGHT } from '../run/in_flight.ts'
import { listed } from '../util/listing.ts'
import type { Checkpoints } from './checkpoints.ts'
import { DivergedError } from './diverged.ts'
import type { UpdateResult } from './engine.ts'
import type { HostState } from './host_state.ts'
import type { Position } from './progress.ts'
import type { Session } from './session.ts'
import { Tally } from './tally.ts'
import type { TrainingLog } from './training_log.ts'

/** Updates in a row that may be skipped because the gradient was not finite; one more ends training. */
const SKIPS_ALLOWED = 10

interface EpochRunnerOptions {
  session: Session
  log: TrainingLog
  stop: AbortSignal
  /** the runner counts batches and skipped updates in it */
  state: HostState
  checkpoints: Checkpoints
}

/** Runs the batches of an epoch: gradient accumulation windows, then validation. Stops after a window, and saves, when `stop` is aborted. */
export class EpochRunner {
  private readonly session: Session
  private readonly log: TrainingLog
  private readonly stop: AbortSignal
  private readonly state: HostState
  private readonly checkpoints: Checkpoints
  /** seconds that training waited for batches in this epoch */
  loaderWait = 0

  constructor({ session, log, stop, state, checkpoints }: EpochRunnerOptions) {
    this.session = session
    this.log = log
    this.stop = stop
    this.state = state
    this.checkpoints = checkpoints
  }

  /**
   * Trains the remaining windows of an epoch. `rateOf` gives the learning rate of an update, counted from the start of the run. Results are
   * handled in arrears: the loop never waits for the newest steps. Returns false if stopped.
   */
  async train({ epoch, batch: from }: Position, rateOf: (update: number) => number, tally: Tally): Promise<boolean> {
    const { config, engine, trainLoader, windows } = this.session
    const batches = trainLoader.batchesPerEpoch
    let batch = from
    let samples: number[] = [] // of the window
    let stopped = this.stop.aborted
    this.loaderWait = 0
    await InFlight.during(async pending => {
      for await (const host of stopped ? [] : trainLoader.epoch(epoch, from)) {
        this.loaderWait += host.waited
        const first = windows.isFirst(batch)
        const last = windows.isLast(batch)
        const share = windows.shareOf(batch)
        const learningRate = rateOf(windows.updateOf({ epoch, batch }))
        samples = first ? [...host.samples] : [...samples, ...host.samples]
        const at = { epoch, batch: ++batch, batches, step: this.state.batches++, learningRate }
        const result = engine.accumulate(host, { seed: config.seed, epoch, share, first })
        pending.addInOrder(result, values => this.trained(values, tally, at))
        if (last) {
          const updated = samples
          pending.addInOrder(engine.update(learningRate), update => this.updated(update, epoch, updated))
          stopped = this.stop.aborted
          if (stopped || this.checkpoints.isDue) await this.checkpoints.savePosition({ epoch, batch }, tally, pending)
          if (stopped) break
        }
        await pending.settle(STEPS_IN_FLIGHT)
      }
    })
    return !stopped
  }

  /** Evaluates the whole validation split; undefined if stopped. `trained` is the tally of the epoch's training batches. */
  async validate(epoch: number, trained: Tally): Promise<Tally | undefined> {
    const { config, engine, validationLoader, trainLoader, shape } = this.session
    const tally = new Tally(shape.structures, config.model.presence_threshold)
    const position = { epoch, batch: trainLoader.batchesPerEpoch }
    const prepared = await engine.prepareEvaluation()
    let batch = 0
    let stopped = false
    await InFlight.during(async pending => {
      for await (const host of validationLoader.epoch(epoch)) {
        stopped = this.stop.aborted
        if (stopped || this.checkpoints.isDue) await this.checkpoints.savePosition(position, trained)
        if (stopped) break
        pending.addInOrder(engine.evaluate(prepared, host), result => tally.add(result))
        await pending.settle(STEPS_IN_FLIGHT)
        this.log.validationBatch(epoch, ++batch, validationLoader.batchesPerEpoch)
      }
    })
    return stopped ? undefined : tally
  }

  private trained(result: BatchResult, tally: Tally, at: Parameters<TrainingLog['batch']>[0]): void {
    tally.add(result)
    this.log.batch(at, result)
  }

  private updated({ applied, lossScale }: UpdateResult, epoch: number, samples: readonly number[]): void {
    if (!applied && lossScale > 1) {
      // the scale may be the cause, not the data: try a smaller one first
      this.log.console.warn(
        `epoch ${epoch + 1}: the gradient overflowed, update skipped; loss scale now ${lossScale / 2}`,
      )
      return
    }
    const { state } = this
    state.skippedInARow = applied ? 0 : state.skippedInARow + 1
    const named = listed(samples.map(String))
    if (!applied)
      this.log.console.warn(`epoch ${epoch + 1}: the gradient is not finite, update skipped (samples ${named})`)
    if (state.skippedInARow > SKIPS_ALLOWED)
      throw new DivergedError(
        `${state.skippedInARow} updates in a row had a non-finite gradient, the last with samples ${named}: lower training.learning_rate or check the data`,
      )
  }
}

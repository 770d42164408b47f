import type { Batch } from '../data/loader/loader.ts'
import type { Window } from '../optim/windows.ts'
import type { BatchResult } from '../run/batch_result.ts'
import { InFlight, STEPS_IN_FLIGHT } from '../run/in_flight.ts'
import { listed } from '../util/listing.ts'
import type { Checkpoints } from './checkpoints.ts'
import { DivergedError } from './diverged.ts'
import type { UpdateResult } from './engine.ts'
import type { HostState } from './host_state.ts'
import type { Position } from './progress.ts'
import type { Team } from './ranks/team.ts'
import type { Session } from './session.ts'
import { Tally } from './tally.ts'
import type { TrainingLog } from './training_log.ts'

/** Updates in a row that may be skipped because the gradient was not finite; one more ends training. */
const SKIPS_ALLOWED = 10

type Loaded = AsyncGenerator<Batch, void, void>

interface WindowRun {
  /** this rank's batches of the epoch */
  own: Loaded
  pending: InFlight
  tally: Tally
  at: { epoch: number; learningRate: number }
}

interface EpochRunnerOptions {
  session: Session
  log: TrainingLog
  /** the runner counts batches and skipped updates in it */
  state: HostState
  checkpoints: Checkpoints
}

/** Runs the batches of an epoch: gradient accumulation windows, then validation. Stops after a window, and saves, when the team does. */
export class EpochRunner {
  private readonly session: Session
  private readonly log: TrainingLog
  private readonly state: HostState
  private readonly checkpoints: Checkpoints
  /** seconds that training waited for batches in this epoch */
  loaderWait = 0

  constructor({ session, log, state, checkpoints }: EpochRunnerOptions) {
    this.session = session
    this.log = log
    this.state = state
    this.checkpoints = checkpoints
  }

  private get stop(): AbortSignal {
    return this.session.team.stop
  }

  /**
   * Trains the remaining windows of an epoch. `rateOf` gives the learning rate of an update, counted from the start of the run. Results are
   * handled in arrears: the loop never waits for the newest steps, unless other ranks share the window. Returns false if stopped.
   */
  async train({ epoch, batch: from }: Position, rateOf: (update: number) => number, tally: Tally): Promise<boolean> {
    const { engine, trainLoader, windows, team, batchSize } = this.session
    const order = trainLoader.order(epoch)
    const own = trainLoader.epoch(epoch, from, batch => windows.rankOf(batch) === team.ranks.rank)
    let stopped = this.stop.aborted
    this.loaderWait = 0
    await InFlight.during(async pending => {
      for (const window of stopped ? [] : windows.from(from)) {
        const learningRate = rateOf(windows.updateOf({ epoch, batch: window.from }))
        await this.window(window, { own, pending, tally, at: { epoch, learningRate } })
        const samples = order.subarray(window.from * batchSize, window.to * batchSize)
        pending.addInOrder(engine.update(learningRate), update => this.updated(update, epoch, samples))
        await team.align(engine)
        stopped = this.stop.aborted
        const position = { epoch, batch: window.to }
        if (stopped || this.checkpoints.isDue) await this.checkpoints.savePosition(position, tally, pending)
        if (stopped) break
        await pending.settle(STEPS_IN_FLIGHT)
      }
    }).finally(() => own.return())
    return !stopped
  }

  /** Accumulates the gradients of a window, and hands the results of all its batches to `trained`. */
  private async window(window: Window, { own, pending, tally, at }: WindowRun): Promise<void> {
    const { config, engine, trainLoader, windows, team } = this.session
    const { state } = this
    const dealt = windows.dealt(window, team.ranks.rank)
    const handle = (batch: number, result: Promise<BatchResult>): void => {
      const step = state.batches + batch - window.from
      const place = { ...at, batch: batch + 1, batches: trainLoader.batchesPerEpoch, step }
      pending.addInOrder(result, values => this.trained(values, tally, place))
    }
    const results: Promise<BatchResult>[] = []
    let parts: readonly Promise<Float32Array>[] = []
    for (let batch = dealt.from; batch < dealt.to; batch++) {
      if (batch > dealt.from) await pending.settle(STEPS_IN_FLIGHT)
      const host = await nextOf(own)
      this.loaderWait += host.waited
      const of = { seed: config.seed, epoch: at.epoch, share: window.share }
      if (team.isAlone) {
        handle(batch, engine.accumulate(host, of))
        continue
      }
      const isLast = batch === dealt.to - 1
      const submitted = isLast ? engine.accumulateLast(host, of) : { result: engine.accumulate(host, of), parts }
      parts = submitted.parts
      for (const part of parts) pending.add(part.then(() => undefined))
      pending.add(submitted.result.then(() => undefined))
      results.push(submitted.result)
    }
    if (!team.isAlone) {
      const contributing = windows.rankOf(window.to - 1) + 1
      const all = await team.finishWindow(engine, { own: results, parts, contributing })
      for (const [i, result] of all.entries()) handle(window.from + i, Promise.resolve(result))
    }
    state.batches += window.to - window.from
  }

  /**
   * Evaluates the whole validation split, whose batches the ranks take in turn; undefined if stopped. `trained` is the tally of the epoch's
   * training batches.
   */
  async validate(epoch: number, trained: Tally): Promise<Tally | undefined> {
    const { config, engine, validationLoader, trainLoader, shape, team } = this.session
    const tally = new Tally(shape.structures, config.model.presence_threshold)
    const position = { epoch, batch: trainLoader.batchesPerEpoch }
    const prepared = await engine.prepareEvaluation()
    const { rank, size } = team.ranks
    const batches = validationLoader.batchesPerEpoch
    const own = validationLoader.epoch(epoch, 0, batch => batch % size === rank)
    let done = 0
    let stopped = false
    await InFlight.during(async pending => {
      const rounds: ReturnType<Team['share']>[] = []
      const settle = async (left: number): Promise<void> => {
        while (rounds.length > left)
          for (const result of team.heed(await rounds.shift()!)) {
            tally.add(result)
            this.log.validationBatch(epoch, ++done, batches)
          }
      }
      for (let first = 0; first < batches && !stopped; first += size) {
        const hosts = first + rank < batches ? [await nextOf(own)] : []
        stopped = this.stop.aborted
        if (stopped || this.checkpoints.isDue) await this.checkpoints.savePosition(position, trained)
        if (stopped) break
        const round = team.share(hosts.map(host => engine.evaluate(prepared, host)))
        pending.add(round.then(() => undefined))
        rounds.push(round)
        await settle(STEPS_IN_FLIGHT)
      }
      await settle(0)
    }).finally(() => own.return())
    return stopped ? undefined : tally
  }

  private trained(result: BatchResult, tally: Tally, at: Parameters<TrainingLog['batch']>[0]): void {
    tally.add(result)
    this.log.batch(at, result)
  }

  private updated({ applied, lossScale }: UpdateResult, epoch: number, samples: Uint32Array): void {
    if (!applied && lossScale > 1) {
      // the scale may be the cause, not the data: try a smaller one first
      this.log.console.warn(
        `epoch ${epoch + 1}: the gradient overflowed, update skipped; loss scale now ${lossScale / 2}`,
      )
      return
    }
    const { state } = this
    state.skippedInARow = applied ? 0 : state.skippedInARow + 1
    const named = listed([...samples].map(String))
    if (!applied)
      this.log.console.warn(`epoch ${epoch + 1}: the gradient is not finite, update skipped (samples ${named})`)
    if (state.skippedInARow > SKIPS_ALLOWED)
      throw new DivergedError(
        `${state.skippedInARow} updates in a row had a non-finite gradient, the last with samples ${named}: lower training.learning_rate or check the data`,
      )
  }
}

async function nextOf(batches: Loaded): Promise<Batch> {
  const { value } = await batches.next()
  if (!value) throw new Error('the loader has fewer batches than an epoch')
  return value
}

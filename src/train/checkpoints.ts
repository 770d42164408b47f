import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import type { Json } from '../config/json.ts'
import { schedulerRate, toTorchScheduler } from '../optim/schedule.ts'
import type { InFlight } from '../run/in_flight.ts'
import { type DeviceState, optimizerOf } from '../run/model_weights.ts'
import { fingerprintOf } from './data_fingerprint.ts'
import { usableModelsOf } from './diverged.ts'
import type { EarlierCheckpoints } from './earlier_checkpoints.ts'
import { type HostState, scheduleSettings, snapshotOf } from './host_state.ts'
import { type Position, toRecord } from './progress.ts'
import { Saver } from './saver.ts'
import type { Session } from './session.ts'
import type { Tally } from './tally.ts'

interface CheckpointsOptions {
  session: Session
  /** changes as training proceeds */
  state: HostState
  /** id of the run; null if unobserved */
  run: number | null
  isResumed: boolean
  /** what the first save would replace */
  earlier: EarlierCheckpoints | undefined
}

/** The checkpoints of a run: what each contains and when each is due. */
export class Checkpoints {
  private readonly session: Session
  private readonly state: HostState
  private readonly run: number | null
  /** only rank 0 has one */
  private readonly saver: Saver | undefined
  /** what the newest save holds, and `batches` at that time */
  private saved: { position?: Position; batches: number }

  constructor({ session, state, run, isResumed, earlier }: CheckpointsOptions) {
    this.session = session
    this.state = state
    this.run = run
    this.saver = session.team.ranks.rank === 0 ? new Saver(session.engine, session.config, earlier) : undefined
    this.saved = isResumed ? { position: state.position, batches: state.batches } : { batches: 0 }
  }

  /** Whether save_minutes have passed since the last save began. Throws WriteError if an earlier save failed. */
  get isDue(): boolean {
    return this.saver?.isDue ?? false
  }

  /** The file written last in this run; undefined before the first. */
  get newest(): string | undefined {
    return this.saver?.newest
  }

  /** The position of the newest save; undefined before the first. */
  get position(): Position | undefined {
    return this.saved.position
  }

  /** Saves last.pth within an epoch, unless this position is already saved. `pending` holds the work whose results `tally` still lacks. */
  async savePosition(position: Omit<Position, 'tally'>, tally: Tally, pending?: InFlight): Promise<void> {
    const { session, state } = this
    if (state.batches === this.saved.batches) return
    const before = snapshotOf(state, session.config)
    // the results of pending work arrive before the copy
    const describe = (copy: DeviceState): Checkpoint => {
      const { skippedInARow } = state
      return this.describe({ ...before, skippedInARow, position: { ...position, tally: tally.state } }, copy, false)
    }
    await this.saver?.save(['last.pth'], describe, pending)
    this.saved = { position, batches: before.batches }
  }

  /**
   * Saves a finished epoch: last.pth always, best_model.pth if it is the best, and checkpoint_epoch_N.pth every save_frequency epochs. The
   * state's position is already that of the next epoch.
   */
  async saveEpoch(isBest: boolean): Promise<void> {
    const { session, state } = this
    const { save_frequency, keep_best_only } = session.config.checkpoint
    const { epoch } = state.position
    const names = isBest ? ['best_model.pth'] : []
    if (!keep_best_only && epoch % save_frequency === 0) names.push(`checkpoint_epoch_${epoch}.pth`)
    names.push('last.pth')
    const snapshot = snapshotOf(state, session.config)
    await this.saver?.save(names, copy => this.describe(snapshot, copy, isBest))
    this.saved = { position: snapshot.position, batches: snapshot.batches }
  }

  /** Waits for all saves. Throws WriteError, DivergedError, or what the device threw, if one failed. */
  async finish(): Promise<void> {
    await this.saver?.finish()
  }

  /** Waits for all saves, ignores failures and ends the writing thread. */
  async close(): Promise<void> {
    await this.saver?.close()
  }

  /** The tensors are views into the copy. */
  private describe(
    { position, schedule, best, batches, skippedInARow, trainLossHistory, valLossHistory }: HostState,
    copy: DeviceState,
    isBest: boolean,
  ): Checkpoint {
    const { config, engine, dataset, variants, windows, team } = this.session
    const settings = scheduleSettings(config, windows)
    const updates = windows.updatesUntil(position)
    const { skipped, lossScale } = copy
    const progress = {
      config,
      position,
      schedule,
      best,
      batches,
      skippedInARow,
      run: this.run,
      ...(!team.isAlone && { ranks: team.ranks.size }),
      variants: variants.fixed.toRecord(),
      data: fingerprintOf(dataset),
      skipped,
      ...(lossScale && { lossScale }),
    }
    return {
      // the original saves only after epochs; within one, its epoch is the current one
      epoch: position.batch > 0 ? position.epoch : position.epoch - 1,
      ...usableModelsOf(engine, copy),
      optimizer: optimizerOf(engine, copy, config, schedulerRate(settings, schedule, updates)),
      scheduler: toTorchScheduler(settings, schedule, updates) as Record<string, Json> | null,
      structureNames: dataset.structureNames,
      isBest,
      trainLossHistory,
      valLossHistory,
      sadaan: {
        ...toRecord(progress),
        ...(dataset.channelNames && { channel_names: dataset.channelNames }),
        ...(dataset.preparation && { preparation: dataset.preparation as unknown as Json }),
        ...(dataset.trainingScans && { training_scans: dataset.trainingScans as unknown as Json }),
        patches: dataset.patches,
      },
    }
  }
}

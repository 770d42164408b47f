import { join } from 'node:path'
import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import { WritingThread } from '../checkpoint/writing_thread.ts'
import type { Json } from '../config/json.ts'
import type { Config } from '../config/schema.ts'
import { type ScheduleSettings, schedulerRate, toTorchScheduler } from '../optim/schedule.ts'
import type { InFlight } from '../run/in_flight.ts'
import { type DeviceState, modelOf, optimizerOf } from '../run/model_weights.ts'
import type { TrainingEngine } from './engine.ts'
import { type HostState, toRecord } from './progress.ts'
import type { Session } from './session.ts'
import { StateCopier } from './state_copier.ts'

/** Saves that may be unfinished at once: one being written and one that waits for it; a third has to wait itself. */
const UNFINISHED = 2

/**
 * Saves a training behind its back: the state is copied in the order of the device's queue, arrives on the host in arrears, and a thread
 * pickles and writes it. What fails is thrown by the next call.
 */
export class Saver {
  private readonly folder: string
  private readonly interval: number // milliseconds
  private readonly copier: StateCopier
  private readonly thread = new WritingThread()
  private readonly unfinished = new Set<Promise<void>>()
  private copied: Promise<unknown> | undefined
  private written: string | undefined
  private last = performance.now()
  private failure: unknown

  constructor(engine: TrainingEngine, config: Config) {
    this.folder = config.checkpoint.save_dir
    this.interval = config.checkpoint.save_minutes * 60_000
    this.copier = new StateCopier(engine, config)
  }

  /** Whether save_minutes have passed since the last save began, and none is under way. Throws WriteError when an earlier save failed. */
  get isDue(): boolean {
    this.check()
    return this.unfinished.size === 0 && performance.now() - this.last >= this.interval
  }

  /** The file written last; undefined before the first. */
  get newest(): string | undefined {
    return this.written
  }

  /**
   * Begins to save the state as the work submitted so far leaves it: `describe` makes a checkpoint of the copy, called after the results
   * of all work in `pending`; it is written under each of `names`, in that order. Resolves when training may go on, which is at once
   * unless two earlier saves are unfinished. Throws WriteError when an earlier one failed.
   */
  async save(names: readonly string[], describe: (copy: DeviceState) => Checkpoint, pending?: InFlight): Promise<void> {
    while (this.unfinished.size >= UNFINISHED) await Promise.race(this.unfinished)
    await this.copied
    this.check()
    this.last = performance.now()
    const copied = this.copier.copy()
    this.copied = copied.catch(() => undefined)
    const described = pending ? pending.addInOrder(copied, describe) : copied.then(describe)
    const saved = this.write(names, described).finally(() => this.unfinished.delete(saved))
    this.unfinished.add(saved)
  }

  private async write(names: readonly string[], described: Promise<Checkpoint>): Promise<void> {
    const paths = names.map(name => join(this.folder, name))
    try {
      await this.thread.write(paths, await described)
      this.written = paths.at(-1)
    } catch (error) {
      this.failure ??= error
    }
  }

  /** Waits for all saves. Throws WriteError, or what the device threw, when one failed. */
  async finish(): Promise<void> {
    await Promise.all(this.unfinished)
    this.check()
  }

  /** Waits for all saves, whatever becomes of them, and ends the thread. */
  async close(): Promise<void> {
    await Promise.all(this.unfinished)
    await this.thread.close()
    this.copier.destroy()
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure
  }
}

/** The tensors are views into the copy. */
export function checkpointOf(
  { config, engine, dataset }: Session,
  settings: ScheduleSettings,
  copy: DeviceState,
  { progress, ...histories }: HostState,
  isBest: boolean,
): Checkpoint {
  const { position, schedule } = progress
  const { skipped, lossScale } = copy
  return {
    // the original has no points within an epoch: there it is the one under way
    epoch: position.batch > 0 ? position.epoch : position.epoch - 1,
    model: modelOf(engine.state, copy),
    optimizer: optimizerOf(engine, copy, config, schedulerRate(settings, schedule)),
    scheduler: toTorchScheduler(settings, schedule) as Record<string, Json> | null,
    structureNames: dataset.structureNames,
    isBest,
    ...histories,
    sadaan: {
      ...toRecord({ ...progress, skipped, ...(lossScale && { lossScale }) }),
      ...(dataset.preparation && { preparation: dataset.preparation as unknown as Json }),
      patches: dataset.patches,
    },
  }
}

import { join } from 'node:path'
import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import { WritingThread } from '../checkpoint/writing_thread.ts'
import type { Config } from '../config/schema.ts'
import type { InFlight } from '../run/in_flight.ts'
import type { DeviceState } from '../run/model_weights.ts'
import type { EarlierCheckpoints } from './earlier_checkpoints.ts'
import type { TrainingEngine } from './engine.ts'
import { StateCopier } from './state_copier.ts'

/** Unfinished saves at a time: one being written and one queued. A third waits. */
const UNFINISHED = 2

/**
 * Saves while training continues. The state is copied in the order of the device's queue and arrives on the host in arrears; a thread
 * pickles and writes it. The next call throws any failure.
 */
export class Saver {
  private readonly folder: string
  private readonly interval: number // milliseconds
  private readonly copier: StateCopier
  /** what the first save would replace */
  private earlier: EarlierCheckpoints | undefined
  private readonly thread = new WritingThread()
  private readonly unfinished = new Set<Promise<void>>()
  private copied: Promise<unknown> | undefined
  private written: string | undefined
  private last = performance.now()
  private failure: unknown

  constructor(engine: TrainingEngine, config: Config, earlier?: EarlierCheckpoints) {
    this.folder = config.checkpoint.save_dir
    this.interval = config.checkpoint.save_minutes * 60_000
    this.copier = new StateCopier(engine, config)
    this.earlier = earlier
  }

  /** Whether save_minutes have passed since the last save began and no save is under way. Throws WriteError if an earlier save failed. */
  get isDue(): boolean {
    this.check()
    return this.unfinished.size === 0 && performance.now() - this.last >= this.interval
  }

  /** The file written last; undefined before the first. */
  get newest(): string | undefined {
    return this.written
  }

  /**
   * Starts saving the state after the work submitted so far. `describe` turns the copy into a checkpoint once the results of all work in
   * `pending` have arrived; it is written under each of `names`, in this order. Resolves when training may continue: at once, unless two
   * earlier saves are unfinished. Throws WriteError if an earlier save failed.
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
      const checkpoint = await described
      this.earlier?.setAside()
      this.earlier = undefined
      await this.thread.write(paths, checkpoint)
      this.written = paths.at(-1)
    } catch (error) {
      this.failure ??= error
    }
  }

  /** Waits for all saves. Throws WriteError, or what the device threw, if one failed. */
  async finish(): Promise<void> {
    await Promise.all(this.unfinished)
    this.check()
  }

  /** Waits for all saves, ignores failures and ends the thread. */
  async close(): Promise<void> {
    await Promise.all(this.unfinished)
    await this.thread.close()
    this.copier.destroy()
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure
  }
}

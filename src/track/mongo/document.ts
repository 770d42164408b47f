import type { Collection } from 'mongodb'
import { describeRun } from '../description.ts'
import type { RunStart } from '../observer.ts'
import { isDuplicateKey } from './metrics.ts'
import type { MongoValue, mongoValue } from './values.ts'

/** Version of Sacred's database layout; boards look at it. */
const FORMAT = 'MongoObserver-0.7.0'

/** A document of the collection `runs`. */
export interface RunDocument {
  _id: number
  [key: string]: unknown
}

/** A field that changes while the run goes on. */
export type RunField =
  | 'experiment.sources'
  | 'heartbeat'
  | 'status'
  | 'result'
  | 'stop_time'
  | 'fail_trace'
  | 'info'
  | 'captured_out'
  | 'artifacts'

/** The run's own document: inserted once, then kept up to date field by field. */
export class RunEntry {
  /** The document's _id, once it is inserted. */
  id: number | undefined
  private readonly first: Record<string, unknown>
  private readonly changed = new Map<RunField, MongoValue>()
  private candidate: number | undefined
  /** The candidate may be inserted: its answer was lost. */
  private isUncertain = false

  /** `id` is the _id it should get; another is taken where that one is not free. */
  constructor(
    start: RunStart,
    id: number | undefined,
    toValue: (json: Parameters<typeof mongoValue>[0]) => MongoValue,
  ) {
    const now = new Date()
    const { experiment, command, host, meta } = describeRun(start)
    this.candidate = id
    this.first = {
      experiment: toValue(experiment),
      format: FORMAT,
      command,
      host: toValue(host),
      start_time: now,
      config: toValue(start.config),
      meta: toValue(meta),
      status: 'RUNNING',
      resources: (start.resources ?? []).map(path => [path, path]),
      artifacts: [],
      captured_out: '',
      info: {},
      heartbeat: now,
      result: null,
    }
  }

  set(field: RunField, value: MongoValue): void {
    this.changed.set(field, value)
  }

  /** Whether the database has the newest value: of the field, or of all. */
  isSaved(field?: RunField): boolean {
    if (this.id === undefined) return false
    return field === undefined ? this.changed.size === 0 : !this.changed.has(field)
  }

  /**
   * Inserts the document under its id, or one above the highest: the unique _id decides between runs that start at once.
   * Does nothing once that is done.
   */
  async insert(runs: Collection<RunDocument>): Promise<void> {
    this.candidate ??= await nextId(runs)
    while (this.id === undefined) {
      try {
        await runs.insertOne({ _id: this.candidate, ...this.first })
        this.id = this.candidate
      } catch (error) {
        if (!isDuplicateKey(error)) {
          this.isUncertain = true
          throw error
        }
        if (this.isUncertain && (await this.isOwn(runs, this.candidate))) this.id = this.candidate
        else this.candidate = await nextId(runs)
        this.isUncertain = false
      }
    }
  }

  /** Sends the fields that changed. */
  async save(runs: Collection<RunDocument>): Promise<void> {
    if (this.id === undefined || this.changed.size === 0) return
    const sent = [...this.changed]
    await runs.updateOne({ _id: this.id }, { $set: Object.fromEntries(sent) })
    for (const [field, value] of sent) if (this.changed.get(field) === value) this.changed.delete(field)
  }

  /** Whether the document of that id is this run's, inserted by a try whose answer was lost. */
  private async isOwn(runs: Collection<RunDocument>, id: number): Promise<boolean> {
    const { start_time, host, meta } = this.first
    const found = await runs.findOne({ _id: id, start_time, host, meta }, { projection: { _id: 1 } })
    return found !== null
  }
}

/** One above the highest number; an _id of another type is not compared with a number. */
async function nextId(runs: Collection<RunDocument>): Promise<number> {
  const highest = await runs.findOne({ _id: { $gte: 0 } }, { sort: { _id: -1 }, projection: { _id: 1 } })
  return (highest?._id ?? 0) + 1
}

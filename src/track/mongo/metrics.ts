import type { Collection, Double, ObjectId } from 'mongodb'
import type { Series } from '../metrics.ts'
import type { Point } from '../observer.ts'
import { millisecondsOf } from '../time.ts'
import { Thinning } from './thinning.ts'

/** A document of the collection `metrics`, as Sacred's readers expect it; the three lists are of one length. */
export interface MetricDocument {
  _id: ObjectId
  run_id: number
  name: string
  steps: number[]
  values: Double[]
  timestamps: Date[]
}

/** Makes what only the driver's own classes can hold. */
export interface MetricMaker {
  id(): ObjectId
  /** A whole number must not become an integer among floats. */
  double(value: number): Double
}

type Columns = Pick<MetricDocument, 'steps' | 'values' | 'timestamps'>

const PER_UPDATE = 10_000 // points; some 440 kB

/** One metric on its way. */
class Metric {
  readonly id: ObjectId
  readonly thinning = new Thinning()
  /** Points that are in the database for certain. */
  sent = 0
  /** Points that may be: sent, but the answer was lost. Sent again as they are until one comes. */
  current: Columns | undefined
  wasTried = false
  /** Somebody else changed or removed its document: it gets no more points. */
  isLost = false
  steps: number[] = []
  values: number[] = []
  times: number[] = []

  constructor(id: ObjectId) {
    this.id = id
  }

  get waiting(): number {
    return this.steps.length + (this.current?.steps.length ?? 0)
  }

  take(make: MetricMaker): Columns | undefined {
    if (this.isLost) return undefined
    if (this.current || this.steps.length === 0) return this.current
    this.current = {
      steps: this.steps.splice(0, PER_UPDATE),
      values: this.values.splice(0, PER_UPDATE).map(value => make.double(value)),
      timestamps: this.times.splice(0, PER_UPDATE).map(time => new Date(time)),
    }
    return this.current
  }

  confirm({ steps }: Columns): void {
    this.sent += steps.length
    this.current = undefined
    this.wasTried = false
  }
}

/**
 * The metrics of a run on their way into MongoDB. Points wait here while the server is away; thinning bounds how many. Each gets
 * there exactly once, in order, also where an answer was lost: a push demands the number of points that must be there already.
 */
export class MongoMetrics {
  private readonly make: MetricMaker
  private readonly metrics = new Map<string, Metric>()
  private isThin = false
  /** Points that came since the last sending began. */
  fresh = 0

  constructor(make: MetricMaker) {
    this.make = make
  }

  /** True where this is the first point that makes a metric thin. */
  log({ name, step, value, time }: Point): boolean {
    const metric = this.metrics.get(name) ?? new Metric(this.make.id())
    this.metrics.set(name, metric)
    if (!metric.thinning.takes()) return false
    metric.steps.push(step)
    metric.values.push(value)
    metric.times.push(time)
    this.fresh++
    if (this.isThin || !metric.thinning.isThin) return false
    this.isThin = true
    return true
  }

  /** True as `log`. */
  adopt(earlier: ReadonlyMap<string, Series>): boolean {
    let isFirstThin = false
    for (const [name, { steps, timestamps, values }] of earlier)
      for (const [i, step] of steps.entries()) {
        const point = { name, step, value: values[i] ?? Number.NaN, time: millisecondsOf(timestamps[i]!) }
        if (this.log(point)) isFirstThin = true
      }
    return isFirstThin
  }

  /** Points that can still be sent. */
  get waiting(): number {
    return this.sum(metric => !metric.isLost)
  }

  /** Points that the database is not known to have. */
  get missing(): number {
    return this.sum(() => true)
  }

  /** What info.metrics lists: the only way boards find metrics. */
  get listed(): { name: string; id: string }[] {
    return [...this.metrics]
      .filter(([, { sent }]) => sent > 0)
      .map(([name, { id }]) => ({ name, id: id.toHexString() }))
  }

  private sum(counts: (metric: Metric) => boolean): number {
    let sum = 0
    for (const metric of this.metrics.values()) if (counts(metric)) sum += metric.waiting
    return sum
  }

  /** Sends what waits. Rejects when the server does not take it; what is left then waits on. */
  async send(collection: Collection<MetricDocument>, runId: number): Promise<void> {
    let lost: string | undefined
    this.fresh = 0
    for (const [name, metric] of this.metrics)
      for (let points = metric.take(this.make); points; points = metric.take(this.make)) {
        if (metric.sent === 0) await insert(collection, { _id: metric.id, run_id: runId, name, ...points })
        else metric.isLost = !(await push(collection, metric, points))
        if (metric.isLost) lost = name
        else metric.confirm(points)
      }
    if (lost !== undefined) throw new Error(`metric ${lost} was changed there by somebody else`)
  }
}

async function insert(collection: Collection<MetricDocument>, document: MetricDocument): Promise<void> {
  try {
    await collection.insertOne(document)
  } catch (error) {
    // a try whose answer was lost has inserted it
    if (!isDuplicateKey(error)) throw error
  }
}

/** Adds the points behind those that are there. False where the document is neither as they found it nor as they leave it. */
async function push(collection: Collection<MetricDocument>, metric: Metric, points: Columns): Promise<boolean> {
  const { id, sent, wasTried } = metric
  const { steps, values, timestamps } = points
  const update = { steps: { $each: steps }, values: { $each: values }, timestamps: { $each: timestamps } }
  metric.wasTried = true
  const { matchedCount } = await collection.updateOne({ _id: id, steps: { $size: sent } }, { $push: update })
  if (matchedCount === 1) return true
  if (!wasTried) return false
  const length = sent + steps.length
  return (await collection.findOne({ _id: id, steps: { $size: length } }, { projection: { _id: 1 } })) !== null
}

/** Whether a document of that _id exists already. */
export function isDuplicateKey(error: unknown): boolean {
  return (error as { code?: unknown }).code === 11000
}

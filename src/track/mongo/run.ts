import { setTimeout as delay } from 'node:timers/promises'
import type { Json } from '../../config/json.ts'
import { messageOf } from '../../util/error.ts'
import { traceOf } from '../description.ts'
import type { Series } from '../metrics.ts'
import type { Artifact, Observer, Point, RunEnd, RunStart } from '../observer.ts'
import { Turn } from '../turn.ts'
import { MongoArtifacts } from './artifacts.ts'
import type { MongoConnection } from './connection.ts'
import { CapturedText } from './console.ts'
import { RunEntry } from './document.ts'
import { MongoMetrics } from './metrics.ts'
import { MongoSources } from './sources.ts'
import { WHOLE } from './thinning.ts'
import { type MongoValue, mongoKey, mongoValue } from './values.ts'

/** How long a server is waited for at the end of a run, in milliseconds. */
export interface MongoPatience {
  /** Where it is away. */
  away: number
  /** Where what waits is being sent. */
  sending: number
}

export interface MongoRequest extends RunStart {
  connection: MongoConnection
  /** The id the run should have there: its directory's. Without one, or where it is taken, it gets the next. */
  id: number | undefined
  /** Gets the lines said when the database does not get everything. */
  warn: (line: string) => void
  patience?: MongoPatience
}

const PATIENCE: MongoPatience = { away: 5000, sending: 60_000 }
const MANY_POINTS = 5000 // waiting points that are sent before the next heartbeat

/**
 * The record of one run in a MongoDB, as Sacred's MongoObserver writes it. Nothing waits for the network but the opening, for a few
 * seconds, and the end, for a bounded time: a run's changes wait here and are sent at heartbeats, also to a server that was away
 * when the run started or in its middle.
 */
export class MongoRun implements Observer {
  private readonly connection: MongoConnection
  private readonly warn: (line: string) => void
  private readonly patience: MongoPatience
  private readonly entry: RunEntry
  private readonly metrics: MongoMetrics
  private readonly artifacts: MongoArtifacts
  private readonly sources: MongoSources
  private readonly console = new CapturedText()
  private readonly info: Record<string, MongoValue> = {}
  private listed = 0 // metrics that info names
  private isAway = false
  private hasWarned = false
  private readonly record = new Turn(() => this.attempt(() => this.sendRecord()))
  private readonly files = new Turn(() => this.attempt(() => this.sendArtifacts()))

  /** Inserts the run, unless the server does not answer. */
  static async open(request: MongoRequest): Promise<MongoRun> {
    const run = new MongoRun(request)
    await run.record.wake()
    run.files.wake()
    return run
  }

  private constructor(request: MongoRequest) {
    this.connection = request.connection
    this.warn = request.warn
    this.patience = request.patience ?? PATIENCE
    this.entry = new RunEntry(request, request.id, json => this.toValue(json))
    const { ObjectId, Double } = this.connection.driver
    this.metrics = new MongoMetrics({ id: () => new ObjectId(), double: value => new Double(value) })
    this.artifacts = new MongoArtifacts(this.connection)
    this.sources = new MongoSources(this.connection, request.sources ?? [])
  }

  private get shown(): string {
    return this.connection.address.shown
  }

  get place(): string {
    const { id } = this.entry
    return `${this.shown}${id === undefined ? '' : ` run ${id}`}`
  }

  /** The run's _id there; undefined until the server has answered. */
  get id(): number | undefined {
    return this.entry.id
  }

  log(point: Point): void {
    if (this.metrics.log(point)) this.sayThin()
    if (!this.isAway && this.metrics.fresh >= MANY_POINTS) this.record.wake()
  }

  adopt(earlier: ReadonlyMap<string, Series>): void {
    if (this.metrics.adopt(earlier)) this.sayThin()
  }

  setInfo(key: string, value: Json): void {
    this.info[mongoKey(key)] = this.toValue(value)
    this.entry.set('info', this.infoNow())
  }

  capture(text: string): void {
    this.console.add(text)
  }

  keep(artifact: Artifact): void {
    try {
      this.artifacts.keep(artifact)
    } catch (error) {
      this.warn(`${artifact.name} is not sent to ${this.shown}: ${messageOf(error)}`)
      return
    }
    if (!this.isAway) this.files.wake()
  }

  beat(time: number): void {
    this.entry.set('heartbeat', new Date(time))
    this.record.wake()
    this.files.wake()
  }

  async finish({ status, result, error }: RunEnd): Promise<void> {
    const now = new Date()
    this.entry.set('status', status)
    this.entry.set('result', this.toValue(result ?? null))
    this.entry.set('heartbeat', now)
    this.entry.set('stop_time', now)
    if (status === 'FAILED') this.entry.set('fail_trace', traceOf(error))
    await this.drain()
    this.sayMissing()
    this.artifacts.close()
    await this.connection.close()
  }

  private toValue(json: Json): MongoValue {
    return mongoValue(json, number => this.connection.driver.Long.fromNumber(number))
  }

  private infoNow(): MongoValue {
    const metrics = this.metrics.listed
    this.listed = metrics.length
    return { ...this.info, ...(metrics.length > 0 && { metrics }) }
  }

  private async sendRecord(): Promise<void> {
    const { runs, metrics } = this.connection
    await this.connection.connect()
    await this.entry.insert(runs)
    try {
      await this.metrics.send(metrics, this.entry.id!)
    } finally {
      if (this.metrics.listed.length !== this.listed) this.entry.set('info', this.infoNow())
    }
    const text = this.console.take()
    if (text !== undefined) this.entry.set('captured_out', text)
    await this.entry.save(runs)
  }

  private async sendArtifacts(): Promise<void> {
    if (this.entry.id === undefined) return
    if (this.sources.waiting > 0) {
      await this.sources.send()
      this.entry.set('experiment.sources', this.sources.listed)
    }
    if (this.artifacts.isIdle) return
    await this.artifacts.send(this.entry.id)
    this.entry.set('artifacts', this.artifacts.listed)
    await this.record.wake()
    if (this.entry.isSaved('artifacts')) await this.artifacts.removeObsolete()
  }

  /** Sends, and takes a failure for a server that is away until the next heartbeat. */
  private async attempt(send: () => Promise<void>): Promise<void> {
    try {
      await send()
      this.isAway = false
    } catch (error) {
      this.isAway = true
      if (this.hasWarned) return
      this.hasWarned = true
      this.warn(`${this.shown}: ${messageOf(error)}; the run goes on, what waits is tried again`)
    }
  }

  /** Sends everything, within the time that a server that is away, or slow, is given. */
  private async drain(): Promise<void> {
    const start = performance.now()
    const isOver = (): boolean =>
      performance.now() - start >= (this.isAway ? this.patience.away : this.patience.sending)
    do {
      const sent = this.files.wake().then(() => this.record.wake())
      await Promise.race([sent, delay(Math.min(500, this.patience.away))])
      if (this.isAway) await delay(200)
    } while (!this.isDone && !isOver())
  }

  private get isDone(): boolean {
    const waiting = this.metrics.waiting + this.artifacts.waiting + this.sources.waiting
    return this.entry.isSaved() && waiting === 0
  }

  private sayThin(): void {
    this.warn(
      `${this.shown}: a metric has more than ${WHOLE.toLocaleString('en')} points, later ones are thinned out there; files keep all`,
    )
  }

  private sayMissing(): void {
    const points = this.metrics.missing
    const artifacts = this.artifacts.missing
    const parts = [
      ...(this.entry.id === undefined ? ['the run'] : this.entry.isSaved() ? [] : ["the run's end"]),
      ...(points > 0 ? [`${points} points`] : []),
      ...(artifacts > 0 ? [`${artifacts} artifacts`] : []),
      ...(this.sources.waiting > 0 ? [`${this.sources.waiting} sources`] : []),
    ]
    if (parts.length > 0) this.warn(`${this.shown}: ${parts.join(', ')} could not be sent`)
  }
}

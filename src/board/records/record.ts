import { join, sep } from 'node:path'
import { isJsonObject, type Json, type JsonObject } from '../../config/json.ts'
import { leavesOf } from '../../config/load.ts'
import { millisecondsOf } from '../../track/time.ts'
import { InputError, messageOf } from '../../util/error.ts'
import type { RunRow, RunStatus, Setting } from '../wire/runs.ts'
import { type Figures, figuresOf } from './figures.ts'
import type { Found } from './find.ts'
import type { KnownFigures } from './known_figures.ts'
import { RecordMetrics } from './metrics.ts'
import { signatureOf } from './own_files.ts'
import { readRecordJson } from './record_json.ts'

const SILENCE = 120_000 // ms without a heartbeat; omniboard's limit
const STATUSES: readonly string[] = ['QUEUED', 'RUNNING', 'COMPLETED', 'INTERRUPTED', 'FAILED', 'TIMEOUT']

/** The JSON files of a record beside its metrics. */
const FILES = ['run.json', 'config.json', 'info.json'] as const
type RecordFile = (typeof FILES)[number]

/** The record of one run, read again only where it changed. */
export class RunRecordReader {
  readonly id: string
  readonly path: string
  readonly content: Record<RecordFile, JsonObject> = { 'run.json': {}, 'config.json': {}, 'info.json': {} }
  settings = new Map<string, Setting>()
  private readonly signatures = new Map<string, string>()
  private readonly problems = new Map<string, string>()
  private figures: Figures | undefined
  /** of the metrics.json that the figures are of */
  private figuresFrom = ''
  /** undefined until they are asked for */
  private held: RecordMetrics | undefined
  private wasSilent = false

  constructor({ id, path }: Found) {
    this.id = id
    this.path = path
  }

  /** Reads the files that changed. True if any did, or if the run fell silent. */
  refresh(): boolean {
    const changed = FILES.filter(name => this.read(name))
    if (changed.includes('config.json')) this.settings = settingsOf(this.content['config.json'])
    const isSilent = this.status === 'SILENT'
    const fell = isSilent !== this.wasSilent
    this.wasSilent = isSilent
    return changed.length > 0 || fell
  }

  private read(name: RecordFile): boolean {
    const signature = signatureOf(this.path, name)
    if (this.signatures.get(name) === signature) return false
    this.signatures.set(name, signature)
    try {
      // Sacred writes info.json only if there is any
      if (signature !== '-') this.content[name] = readRecordJson(join(this.path, name))
      else if (name !== 'info.json') throw new InputError(`${name}: is not there`)
      this.problems.delete(name)
    } catch (error) {
      // a file that is written in place is read again at the next look, and was whole before
      this.problems.set(name, this.problemOf(error))
    }
    return true
  }

  /** The record's own folder goes without saying. */
  private problemOf(error: unknown): string {
    return messageOf(error).replaceAll(`${this.path}${sep}`, '')
  }

  get isScanned(): boolean {
    return this.figures !== undefined
  }

  get isLive(): boolean {
    return this.status === 'RUNNING'
  }

  get isHeld(): boolean {
    return this.held !== undefined
  }

  /** What is held of its metrics in memory. */
  get bytes(): number {
    return this.held?.bytes ?? 0
  }

  /** Whether its figures are missing, or of an earlier metrics.json; those of metrics in memory follow them. */
  get isUnread(): boolean {
    return !this.isHeld && this.figuresFrom !== this.metricsSignature
  }

  private get metricsSignature(): string {
    return signatureOf(this.path, 'metrics.json')
  }

  /** Takes the figures from those that are known of this metrics.json. False if there are none. */
  recall(known: KnownFigures): boolean {
    const { metricsSignature } = this
    const figures = known.at(this.path, metricsSignature)
    if (!figures) return false
    this.figures = figures
    this.figuresFrom = metricsSignature
    return true
  }

  /** Adds its figures to those that are known. A live run's change with the next epoch, and unreadable metrics have none. */
  remember(known: KnownFigures): void {
    if (!this.isLive && this.figures && !this.problems.has('metrics.json'))
      known.add(this.path, this.figuresFrom, this.figures)
  }

  /** The metrics as they are now. Unreadable ones are a problem of the record, and empty. */
  metrics(): RecordMetrics {
    this.refreshMetrics()
    return this.held!
  }

  /** True if the metrics changed. */
  refreshMetrics(): boolean {
    this.held ??= new RecordMetrics(this.path)
    this.figuresFrom = this.metricsSignature // before they are read: what is written meanwhile is read again
    try {
      const isNew = this.held.refresh()
      if (isNew) this.problems.delete('metrics.json')
      if (isNew || !this.figures) this.figures = figuresOf(this.held)
      return isNew
    } catch (error) {
      this.figures ??= {}
      const problem = this.problemOf(error)
      const isOld = this.problems.get('metrics.json') === problem
      this.problems.set('metrics.json', problem)
      return !isOld
    }
  }

  forgetMetrics(): void {
    this.held = undefined
  }

  get status(): RunStatus {
    const { status, heartbeat } = this.content['run.json']
    if (typeof status !== 'string' || !STATUSES.includes(status)) return 'BROKEN'
    const beat = timeOf(heartbeat)
    if (status === 'RUNNING' && beat !== undefined && Date.now() - beat > SILENCE) return 'SILENT'
    return status as RunStatus
  }

  get row(): RunRow {
    const { experiment, meta, start_time, stop_time, heartbeat } = this.content['run.json']
    const { status } = this
    const started = timeOf(start_time)
    const stopped = status === 'RUNNING' ? undefined : (timeOf(stop_time) ?? timeOf(heartbeat))
    const planned = this.settings.get('training.num_epochs')
    const comment = isJsonObject(meta) ? meta.comment : undefined
    const name = isJsonObject(experiment) ? experiment.name : undefined
    return {
      id: this.id,
      status,
      problems: [...this.problems.values()],
      ...(typeof name === 'string' && { experiment: name }),
      ...(typeof comment === 'string' && comment !== '' && { comment }),
      ...(started !== undefined && { started }),
      ...(stopped !== undefined && { stopped }),
      ...(typeof planned === 'number' && { planned }),
      ...this.figures,
      isScanned: this.isScanned,
    }
  }
}

/** A time of a record in milliseconds. Sacred's are naive UTC, with or without a fraction. */
export function timeOf(value: Json | undefined): number | undefined {
  const time = typeof value === 'string' ? millisecondsOf(value) : Number.NaN
  return Number.isFinite(time) ? time : undefined
}

function settingsOf(config: JsonObject): Map<string, Setting> {
  return new Map(
    leavesOf(config).map(([key, value]) => [key, typeof value === 'object' ? listText(value) : value] as const),
  )
}

function listText(value: Json): Setting {
  return value === null ? null : JSON.stringify(value)
}

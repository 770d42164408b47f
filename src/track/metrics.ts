import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunFiles } from './files.ts'
import { Journal } from './journal.ts'
import { sacredTime } from './time.ts'

/** One metric as metrics.json holds it; the three lists are of one length. A value is null where it was not finite. */
export interface Series {
  steps: number[]
  timestamps: string[]
  values: (number | null)[]
}

/** The same while it grows. */
interface GrowingSeries {
  length: number
  steps: GrowingList
  timestamps: GrowingList
  values: GrowingList
}

/** A JSON list as bytes: writing the file again formats no old item again. */
class GrowingList {
  private done: Buffer[] = []
  private fresh = ''

  add(item: string): void {
    this.fresh += this.done.length > 0 || this.fresh !== '' ? `,\n      ${item}` : item
  }

  bytes(): Buffer[] {
    if (this.fresh !== '') this.done.push(Buffer.from(this.fresh))
    if (this.done.length > 64) this.done = [Buffer.concat(this.done)]
    this.fresh = ''
    return [Buffer.from('[\n      '), ...this.done, Buffer.from('\n    ]')]
  }
}

const FILE = 'metrics.json'
const JOURNAL = 'metrics.jsonl'
const BETWEEN_FOLDS = 2 // seconds
const FOLD_SHARE = 100 // a fold waits this many times as long as the last one took: at most 1 % of the time

/**
 * The metrics of a run. metrics.json is valid and whole at every moment; a point is first appended to a journal in the run's
 * hidden folder, and every few seconds the file is written again with all points (folded). After a kill the journal holds
 * what the file lacks, and readMetrics puts both together.
 */
export class Metrics {
  private readonly files: RunFiles
  private readonly series = new Map<string, GrowingSeries>()
  private readonly journal: Journal
  private unfolded = true
  private nextFold = 0 // performance.now() before which no fold starts by itself

  constructor(files: RunFiles) {
    this.files = files
    this.journal = new Journal(files, JOURNAL)
    this.fold()
  }

  /** Adds a point. `step` is in the metric's own unit (batches or epochs), `time` in milliseconds. Never throws. */
  log(name: string, value: number, step: number, time: number): void {
    const timestamp = sacredTime(time)
    const index = this.add(name, step, timestamp, value)
    const point: JournalPoint = { name, index, step, timestamp, value }
    this.journal.add(point)
    this.foldWhenDue()
  }

  /** Takes over the points of an earlier run, with their times. */
  adopt(earlier: ReadonlyMap<string, Series>): void {
    for (const [name, { steps, timestamps, values }] of earlier)
      for (const [i, step] of steps.entries()) this.add(name, step, timestamps[i]!, values[i]!)
    this.fold()
  }

  /** Writes metrics.json with every point so far. */
  fold(): void {
    if (!this.unfolded) return
    const start = performance.now()
    if (this.files.replace(FILE, this.text())) {
      // A kill between the two leaves points in both; their index tells readMetrics.
      this.journal.restart()
      this.unfolded = false
    }
    const end = performance.now()
    this.nextFold = end + Math.max(BETWEEN_FOLDS * 1000, FOLD_SHARE * (end - start))
  }

  /** Folds unless that was done a moment ago. */
  foldWhenDue(): void {
    if (performance.now() >= this.nextFold) this.fold()
  }

  /** Folds for the last time. False if that failed; the journal then stays for readMetrics. */
  close(): boolean {
    this.fold()
    this.journal.close()
    return !this.unfolded
  }

  private add(name: string, step: number, timestamp: string, value: number | null): number {
    const series = this.series.get(name) ?? newSeries()
    this.series.set(name, series)
    series.steps.add(JSON.stringify(step))
    series.timestamps.add(`"${timestamp}"`)
    series.values.add(JSON.stringify(value))
    this.unfolded = true
    return series.length++
  }

  /** JSON, sorted, indent 2. */
  private text(): Buffer {
    if (this.series.size === 0) return Buffer.from('{}')
    const pieces: Buffer[] = []
    for (const name of [...this.series.keys()].sort()) {
      const { steps, timestamps, values } = this.series.get(name)!
      pieces.push(Buffer.from(`${pieces.length === 0 ? '{' : ','}\n  ${JSON.stringify(name)}: {\n    "steps": `))
      pieces.push(...steps.bytes(), Buffer.from(',\n    "timestamps": '), ...timestamps.bytes())
      pieces.push(Buffer.from(',\n    "values": '), ...values.bytes(), Buffer.from('\n  }'))
    }
    return Buffer.concat([...pieces, Buffer.from('\n}')])
  }
}

function newSeries(): GrowingSeries {
  return { length: 0, steps: new GrowingList(), timestamps: new GrowingList(), values: new GrowingList() }
}

/** The points that `keep` accepts; metrics left without any are left out. */
export function selectPoints(
  metrics: ReadonlyMap<string, Series>,
  keep: (name: string, step: number) => boolean,
): Map<string, Series> {
  const selected = new Map<string, Series>()
  for (const [name, { steps, timestamps, values }] of metrics) {
    const kept = steps.flatMap((step, i) => (keep(name, step) ? [i] : []))
    if (kept.length === 0) continue
    selected.set(name, {
      steps: kept.map(i => steps[i]!),
      timestamps: kept.map(i => timestamps[i]!),
      values: kept.map(i => values[i]!),
    })
  }
  return selected
}

/**
 * Every point of a run directory, also of a run that was killed: metrics.json and then the journal's points that it lacks.
 * Throws if metrics.json cannot be read.
 */
export function readMetrics(directory: string): Map<string, Series> {
  const folded = JSON.parse(readFileSync(join(directory, FILE), 'utf8')) as Record<string, Series>
  const all = new Map(Object.entries(folded))
  for (const { name, index, step, timestamp, value } of readJournal(directory)) {
    const series = all.get(name) ?? { steps: [], timestamps: [], values: [] }
    all.set(name, series)
    if (index !== series.steps.length) continue // folded already
    series.steps.push(step)
    series.timestamps.push(timestamp)
    series.values.push(value)
  }
  return all
}

interface JournalPoint {
  name: string
  /** Place in its series. */
  index: number
  step: number
  timestamp: string
  value: number | null
}

/** The journal's points up to the first torn line; none where there is no journal. */
function readJournal(directory: string): JournalPoint[] {
  const path = join(directory, '.partial', JOURNAL)
  const points: JournalPoint[] = []
  if (!existsSync(path)) return points
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    try {
      points.push(JSON.parse(line))
    } catch {
      break
    }
  }
  return points
}

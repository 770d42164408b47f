import { join } from 'node:path'
import { readText } from '../util/whole_file.ts'
import { Journal, readJournal } from './journal.ts'
import type { RunFiles } from './run_files.ts'
import { sacredTime } from './time.ts'

/** One metric in metrics.json; the three lists have the same length. Non-finite values are null. */
export interface Series {
  steps: number[]
  timestamps: string[]
  values: (number | null)[]
}

/** A series that is still growing. */
interface GrowingSeries {
  /** its name as JSON */
  title: string
  length: number
  steps: GrowingList
  timestamps: GrowingList
  values: GrowingList
}

/** A JSON list as bytes: rewriting the file formats no item twice. */
class GrowingList {
  /** Immutable pieces of decreasing size, so that there are few of them and merging is cheap. */
  private readonly done: Buffer[] = []
  private fresh = ''

  add(item: string): void {
    this.fresh += this.done.length > 0 || this.fresh !== '' ? `,\n      ${item}` : item
    if (this.fresh.length >= FRESH_LENGTH) this.seal()
  }

  /** The list so far, with brackets. */
  pieces(): Buffer[] {
    this.seal()
    return [Buffer.from('[\n      '), ...this.done, Buffer.from('\n    ]')]
  }

  private seal(): void {
    if (this.fresh === '') return
    this.done.push(Buffer.from(this.fresh))
    this.fresh = ''
    for (;;) {
      const [before, last] = this.done.slice(-2)
      if (!before || !last || before.length > 2 * last.length || before.length + last.length > PIECE_BYTES) return
      this.done.splice(-2, 2, Buffer.concat([before, last]))
    }
  }
}

const FILE = 'metrics.json'
export const JOURNAL = 'metrics'
const FRESH_LENGTH = 2 ** 16 // characters
const PIECE_BYTES = 2 ** 20
const BETWEEN_FOLDS = 10 // seconds, as Sacred
const FOLD_SHARE = 200 // pause after a fold, in multiples of its duration: folding takes at most 0.5 % of the time

/**
 * The metrics of a run. A point first goes to a journal in the hidden folder of the run. Every few seconds the journal is folded into
 * metrics.json: the file is rewritten with all points, asynchronously, so it is complete and valid JSON at any time. After a kill the
 * journal holds the points that the file lacks; readMetrics merges both.
 */
export class Metrics {
  private readonly files: RunFiles
  private readonly series = new Map<string, GrowingSeries>()
  private readonly journal: Journal
  private folding: Promise<void> = Promise.resolve()
  private unfolded = false
  private lastTime = Number.NaN
  private lastTimestamp = ''
  private nextFold = performance.now() + BETWEEN_FOLDS * 1000 // no automatic fold before this time

  constructor(files: RunFiles) {
    this.files = files
    this.journal = new Journal(files, JOURNAL)
    files.replace(FILE, '{}')
  }

  /** Adds a point. `step` is in the metric's own unit (batches or epochs), `time` in milliseconds. Never throws. */
  log(name: string, value: number, step: number, time: number): void {
    if (time !== this.lastTime) {
      this.lastTime = time
      this.lastTimestamp = sacredTime(time)
    }
    const timestamp = this.lastTimestamp
    const series = this.seriesOf(name)
    // a JournalPoint, formatted by hand: this runs for every point
    this.journal.add(
      `{"name":${series.title},"index":${series.length},"step":${step},"timestamp":"${timestamp}","value":${jsonNumber(value)}}`,
    )
    this.add(series, step, timestamp, value)
    this.foldWhenDue()
  }

  /** Adds the points of an earlier run, with their times. */
  adopt(earlier: ReadonlyMap<string, Series>): void {
    for (const [name, { steps, timestamps, values }] of earlier)
      for (const [i, step] of steps.entries()) this.add(this.seriesOf(name), step, timestamps[i]!, values[i]!)
    this.files.replace(FILE, Buffer.concat(this.pieces()))
  }

  /** Writes all points so far to metrics.json. Never rejects. */
  fold(): Promise<void> {
    this.folding = this.folding.then(() => this.write())
    return this.folding
  }

  /** Starts a fold if the last one is long enough ago. */
  foldWhenDue(): void {
    if (performance.now() < this.nextFold) return
    this.nextFold = Number.POSITIVE_INFINITY // until this fold is done
    void this.fold()
  }

  /** Folds for the last time. Returns false if that failed; the journal is then kept for readMetrics. */
  async close(): Promise<boolean> {
    await this.fold()
    this.journal.close()
    return !this.unfolded
  }

  private async write(): Promise<void> {
    const start = performance.now()
    if (this.unfolded) {
      this.unfolded = false // a point that arrives meanwhile sets it again
      const removeFolded = this.journal.rotate()
      // a kill between the two leaves points in both; readMetrics recognises them by index
      if (await this.files.replaceLater(FILE, this.pieces())) removeFolded()
      else this.unfolded = true
    }
    const end = performance.now()
    this.nextFold = end + Math.max(BETWEEN_FOLDS * 1000, FOLD_SHARE * (end - start))
  }

  private seriesOf(name: string): GrowingSeries {
    let series = this.series.get(name)
    if (!series) {
      series = newSeries(name)
      this.series.set(name, series)
    }
    return series
  }

  private add(series: GrowingSeries, step: number, timestamp: string, value: number | null): void {
    series.steps.add(`${step}`)
    series.timestamps.add(`"${timestamp}"`)
    series.values.add(jsonNumber(value))
    series.length++
    this.unfolded = true
  }

  /** The file as JSON, sorted, with indent 2. */
  private pieces(): Buffer[] {
    if (this.series.size === 0) return [Buffer.from('{}')]
    const pieces: Buffer[] = []
    for (const name of [...this.series.keys()].sort()) {
      const { title, steps, timestamps, values } = this.series.get(name)!
      pieces.push(Buffer.from(`${pieces.length === 0 ? '{' : ','}\n  ${title}: {\n    "steps": `))
      pieces.push(...steps.pieces(), Buffer.from(',\n    "timestamps": '), ...timestamps.pieces())
      pieces.push(Buffer.from(',\n    "values": '), ...values.pieces(), Buffer.from('\n  }'))
    }
    return [...pieces, Buffer.from('\n}')]
  }
}

function newSeries(name: string): GrowingSeries {
  const list = (): GrowingList => new GrowingList()
  return { title: JSON.stringify(name), length: 0, steps: list(), timestamps: list(), values: list() }
}

/** JSON has neither NaN nor infinity; both become null. */
function jsonNumber(value: number | null): string {
  return Number.isFinite(value) ? `${value}` : 'null'
}

/** The points that `keep` accepts, without metrics that have none. */
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

/** A line of the journal. */
export interface JournalPoint {
  name: string
  /** Index in its series. */
  index: number
  step: number
  timestamp: string
  value: number | null
}

/**
 * Reads every point of a run directory, even if the run was killed or is still running: metrics.json, then the points that only the
 * journal has. Throws if metrics.json cannot be read.
 */
export function readMetrics(directory: string): Map<string, Series> {
  // the journal first: points folded meanwhile are then in both, not in neither
  const journal = readJournal(join(directory, '.partial'), JOURNAL) as JournalPoint[]
  const folded = JSON.parse(readText(join(directory, FILE))) as Record<string, Series>
  const all = new Map(Object.entries(folded))
  for (const { name, index, step, timestamp, value } of journal) {
    const series = all.get(name) ?? { steps: [], timestamps: [], values: [] }
    all.set(name, series)
    if (index !== series.steps.length) continue // folded already
    series.steps.push(step)
    series.timestamps.push(timestamp)
    series.values.push(value)
  }
  return all
}

import fs from 'node:fs'
import { basename, join } from 'node:path'
import { journalFiles } from '../../track/journal.ts'
import { JOURNAL, type JournalPoint } from '../../track/metrics.ts'
import { millisecondsOf } from '../../track/time.ts'
import { withInput } from '../../util/files/input_file.ts'
import { isFolder } from '../../util/files/lookup.ts'
import { codeOf } from '../../util/files/reason.ts'
import { Column, type MetricColumns } from './column.ts'
import { ownFile, signatureOf } from './own_files.ts'
import { readPlainMetrics } from './plain_metrics.ts'
import { readRecordJson } from './record_json.ts'

/** The folder of a live run's journal. */
const HIDDEN = '.partial'

/**
 * The metrics of a record. metrics.json is read again only when it changed. A live run of this program is followed by its journal: only
 * new lines are read, and metrics.json only if points are missing between two looks.
 */
export class RecordMetrics {
  readonly all = new Map<string, MetricColumns>()
  private readonly directory: string
  /** changes when metrics.json does */
  private signature = ''
  /** bytes read of each file of the journal */
  private readonly offsets = new Map<string, number>()

  constructor(directory: string) {
    this.directory = directory
  }

  get bytes(): number {
    let sum = 0
    for (const { steps, times, values } of this.all.values()) sum += steps.bytes + times.bytes + values.bytes
    return sum
  }

  /** Reads what is new. True if there was anything. Throws InputError if metrics.json cannot be read. */
  refresh(): boolean {
    const signature = signatureOf(this.directory, 'metrics.json')
    const hidden = join(this.directory, HIDDEN)
    const isFollowed = this.signature !== '' && isFolder(hidden)
    if (isFollowed) {
      const before = this.count()
      // the signature stays that of the last whole reading: once the journal is gone, the file has what it had last
      if (this.followJournal(hidden)) return this.count() !== before
    } else if (signature === this.signature) return false
    this.signature = signature // also if it cannot be read: until it changes, there is no more to read
    this.readAll(hidden, signature !== '-')
    return true
  }

  private count(): number {
    let sum = 0
    for (const { steps } of this.all.values()) sum += steps.length
    return sum
  }

  /** The journal first: points folded meanwhile are then in both, not in neither. */
  private readAll(hidden: string, isThere: boolean): void {
    this.offsets.clear()
    const lines = this.newLines(hidden)
    this.all.clear()
    const path = join(this.directory, 'metrics.json')
    if (isThere && !withBytes(path, bytes => readPlainMetrics(bytes, name => this.columnsOf(name)))) {
      this.all.clear()
      for (const [name, series] of Object.entries(readRecordJson(path))) this.addAll(name, series)
    }
    for (const point of lines) this.add(point)
  }

  /** False if points are missing before those that the journal has. */
  private followJournal(hidden: string): boolean {
    let isWhole = true
    for (const point of this.newLines(hidden)) isWhole = this.add(point) && isWhole
    return isWhole
  }

  /** Lines added to the journal since the last call; a file ends at its last whole line. */
  private newLines(hidden: string): JournalPoint[] {
    return journalFiles(hidden, JOURNAL).flatMap(path => {
      if (!ownFile(this.directory, [HIDDEN, basename(path)])) return []
      const from = this.offsets.get(path) ?? 0
      const text = tailOf(path, from)
      const end = text.lastIndexOf(0x0a) + 1
      this.offsets.set(path, from + end)
      return text.subarray(0, end).toString().split('\n').flatMap(pointOf)
    })
  }

  private addAll(name: string, series: unknown): void {
    const { steps, timestamps, values } = (series ?? {}) as Record<string, unknown>
    if (!Array.isArray(values)) return
    const columns = this.columnsOf(name)
    for (const [i, value] of values.entries()) {
      const step = Array.isArray(steps) ? steps[i] : undefined
      columns.steps.push(typeof step === 'number' && Number.isFinite(step) ? step : i)
      columns.times.push(timeOf(Array.isArray(timestamps) ? timestamps[i] : undefined))
      columns.values.push(numberOf(value))
    }
  }

  /** False if points before this one are missing. */
  private add({ name, index, step, timestamp, value }: JournalPoint): boolean {
    const { steps, times, values } = this.columnsOf(name)
    if (index > steps.length) return false
    if (index < steps.length) return true // folded already
    steps.push(step)
    times.push(timeOf(timestamp))
    values.push(numberOf(value))
    return true
  }

  private columnsOf(name: string): MetricColumns {
    let columns = this.all.get(name)
    if (!columns) {
      columns = { steps: new Column(), times: new Column(), values: new Column() }
      this.all.set(name, columns)
    }
    return columns
  }
}

/** Files one after another go through the same memory, of the size of the largest. */
let scratch = Buffer.alloc(0)
const MOST_SCRATCH = 2 ** 26 // bytes; the rare file that is larger has memory of its own

function withBytes<T>(path: string, use: (bytes: Buffer) => T): T {
  return withInput(path, file => {
    const { size } = fs.fstatSync(file)
    if (size > scratch.length && size <= MOST_SCRATCH) scratch = Buffer.alloc(Math.ceil(1.25 * size))
    const bytes = size <= MOST_SCRATCH ? scratch : Buffer.alloc(size)
    return use(bytes.subarray(0, fs.readSync(file, bytes, 0, size, 0)))
  })
}

/** The bytes of a file from an offset; none if a live run has just removed it. */
function tailOf(path: string, from: number): Buffer {
  try {
    return withInput(path, file => {
      const length = Math.max(0, fs.fstatSync(file).size - from)
      const bytes = Buffer.alloc(length)
      return bytes.subarray(0, length === 0 ? 0 : fs.readSync(file, bytes, 0, length, from))
    })
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}

function pointOf(line: string): JournalPoint[] {
  try {
    const point = JSON.parse(line) as JournalPoint
    return Number.isInteger(point.index) && Number.isFinite(point.step) ? [point] : []
  } catch {
    return []
  }
}

/** Sacred stores numpy's numbers as objects with a `value`. */
function numberOf(value: unknown): number {
  if (typeof value === 'number') return value
  const inner = (value as { value?: unknown } | null)?.value
  return typeof inner === 'number' ? inner : Number.NaN
}

function timeOf(timestamp: unknown): number {
  return typeof timestamp === 'string' ? millisecondsOf(timestamp) : Number.NaN
}

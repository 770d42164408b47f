import { setImmediate as turn } from 'node:timers/promises'
import { ResultsFolder } from '../results/results_folder.ts'
import type { RunTable, Setting } from '../wire/runs.ts'
import { type Found, findRecords } from './find.ts'
import type { KnownFigures } from './known_figures.ts'
import { RunRecordReader } from './record.ts'

const BETWEEN_SEARCHES = 5_000 // ms; also between looks at what has ended
const MOST_BYTES = 64 * 2 ** 20 // of metrics in memory

/** Id of what changed when a row appeared or vanished. */
const TABLE = ''

/** Everything below the board's folders: the records of runs and the folders of results, looked at again on demand. */
export class Records {
  readonly folders: readonly string[]
  private runs = new Map<string, RunRecordReader>()
  private results = new Map<string, ResultsFolder>()
  private searched = Number.NEGATIVE_INFINITY
  private scanning: Promise<void> | undefined
  /** ids of runs and results that changed since `takeChanges`, and TABLE if any came or went */
  private readonly changed = new Set<string>()
  private isClosed = false
  /** ids of runs whose metrics are in memory, least recently used first */
  private readonly used = new Set<string>()

  private readonly known: KnownFigures | undefined

  /** `known` are the figures of earlier boards, to which new ones are added. */
  constructor(folders: readonly string[], known?: KnownFigures) {
    this.folders = folders
    this.known = known
  }

  /** Looks at what may have changed. */
  refresh(): void {
    const now = performance.now()
    const isSearch = now - this.searched > BETWEEN_SEARCHES
    if (isSearch) {
      this.searched = now
      const { runs, results } = findRecords(this.folders)
      this.runs = this.renewed(this.runs, runs, found => new RunRecordReader(found))
      this.results = this.renewed(this.results, results, found => new ResultsFolder(found))
      for (const folder of this.results.values()) if (folder.refresh()) this.changed.add(folder.id)
    }
    for (const run of this.runs.values()) if (isSearch || run.isLive) this.look(run)
    if (isSearch)
      this.scanning ??= this.scan().finally(() => {
        this.scanning = undefined
      })
  }

  /** What changed since the last call; one caller gets it. */
  takeChanges(): Set<string> {
    const changes = new Set(this.changed)
    this.changed.clear()
    return changes
  }

  private look(run: RunRecordReader): void {
    const wasLive = run.isLive
    if (run.refresh()) this.changed.add(run.id)
    if (run.isScanned && (run.isLive || wasLive || run.isHeld) && this.metricsChanged(run)) this.changed.add(run.id)
  }

  /** What is still there keeps its object. */
  private renewed<T>(
    before: ReadonlyMap<string, T>,
    found: readonly Found[],
    make: (found: Found) => T,
  ): Map<string, T> {
    const after = new Map(found.map(each => [each.id, before.get(each.id) ?? make(each)]))
    if (after.size !== before.size || found.some(({ id }) => !before.has(id))) this.changed.add(TABLE)
    return after
  }

  private metricsChanged(run: RunRecordReader): boolean {
    const isNew = run.refreshMetrics()
    this.touch(run)
    return isNew
  }

  /** Reads the figures of records that have none yet, or changed, one after another, with room for requests between. */
  private async scan(): Promise<void> {
    const unread = [...this.runs.values()].filter(({ isUnread }) => isUnread)
    for (const run of unread.filter(each => !this.known || !each.recall(this.known))) {
      await turn()
      if (this.isClosed) return
      this.metricsChanged(run)
      this.changed.add(run.id)
      // the table needs no more of an ended run; a page that does reads it again
      if (this.known) run.remember(this.known)
      if (!run.isLive) this.forget(run)
    }
    this.known?.save()
  }

  private forget(run: RunRecordReader): void {
    run.forgetMetrics()
    this.used.delete(run.id)
  }

  close(): void {
    this.isClosed = true
    this.known?.save()
  }

  /** Resolves when every record has been read once. */
  async scanned(): Promise<void> {
    this.refresh()
    await this.scanning
  }

  /** The run at an address; undefined if there is none. */
  run(id: string): RunRecordReader | undefined {
    return this.runs.get(id)
  }

  /** The results at an address; undefined if there are none. */
  resultsAt(id: string): ResultsFolder | undefined {
    return this.results.get(id)
  }

  /** A run with its metrics, which stay in memory until others are used. */
  withMetrics(run: RunRecordReader): RunRecordReader {
    if (this.metricsChanged(run)) this.changed.add(run.id)
    return run
  }

  private touch(run: RunRecordReader): void {
    this.used.delete(run.id)
    this.used.add(run.id)
    let bytes = 0
    for (const id of this.used) bytes += this.runs.get(id)?.bytes ?? 0
    for (const id of this.used) {
      if (bytes <= MOST_BYTES || id === run.id) break
      const other = this.runs.get(id)
      bytes -= other?.bytes ?? 0
      other?.forgetMetrics()
      this.used.delete(id)
    }
  }

  get table(): RunTable {
    const runs = [...this.runs.values()]
    return {
      rows: runs.map(({ row }) => row),
      ...compared(runs.map(({ settings }) => settings)),
      results: [...this.results.keys()],
      folders: [...this.folders],
    }
  }
}

/** Settings that are the same in all runs, and the values of those that are not, in the order of the runs. */
function compared(runs: readonly ReadonlyMap<string, Setting>[]): Pick<RunTable, 'common' | 'differing'> {
  const keys = [...new Set(runs.flatMap(settings => [...settings.keys()]))].sort()
  const common: [string, Setting][] = []
  const differing: [string, Setting[]][] = []
  // records without a configuration say nothing
  const known = runs.filter(({ size }) => size > 0)
  for (const key of keys) {
    const first = known[0]!.get(key)
    if (known.every(settings => settings.get(key) === first) && first !== undefined) common.push([key, first])
    else differing.push([key, runs.map(settings => settings.get(key) ?? null)])
  }
  return { common: Object.fromEntries(common), differing: Object.fromEntries(differing) }
}

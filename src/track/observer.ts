import type { Json, JsonObject } from '../config/json.ts'
import type { RecordedAdapter } from './host.ts'
import type { Series } from './metrics.ts'

/** What is known of a run when it starts. */
export interface RunStart {
  /** Name of the experiment. */
  experiment: string
  /** The command, e.g. `train`. */
  command: string
  /** Options of the command line. */
  options: JsonObject
  comment?: string
  /** Of the run in a queue, as Sacred's users give it. */
  priority?: number
  /** The whole configuration. */
  config: JsonObject
  /** Named configurations and files that it was made from. */
  namedConfigs: readonly string[]
  /** What the words of the command line set of it, as a tree. */
  configUpdates: JsonObject
  adapter: RecordedAdapter
  /** Small files that make the run what it is: the main file, configurations. They are copied. */
  sources?: readonly string[]
  /** Files of data that the run reads. They are named, not copied: a dataset may be larger than the disk has room. */
  resources?: readonly string[]
}

/** One value of a metric. `step` is in the metric's own unit: batches or epochs. */
export interface Point {
  name: string
  step: number
  /** NaN and infinity are allowed. */
  value: number
  /** Milliseconds since 1970. */
  time: number
}

/** A file that belongs to the run: a checkpoint, a picture. */
export type Artifact = { name: string } & (ArtifactFile | ArtifactBytes)

/** A file that is only ever replaced by another, never changed in place. */
interface ArtifactFile {
  path: string
}

interface ArtifactBytes {
  /** Handed over: not to be changed any more. */
  bytes: Uint8Array
  /** Of a picture that is drawn again and again: the step it shows. */
  step?: number
}

export type FinalStatus = 'COMPLETED' | 'INTERRUPTED' | 'FAILED' | 'TIMEOUT'

export interface RunEnd {
  status: FinalStatus
  /** The run's figure of merit. */
  result?: Json
  /** What made a FAILED run fail. */
  error?: unknown
}

/**
 * One place that keeps a run: files, a database, TensorBoard. A record is an optional output: no method throws or rejects, and what
 * cannot be kept is said once, as a warning. Methods return at once; what takes long goes on behind them until `finish` resolves.
 */
export interface Observer {
  /** Where a user finds the record; undefined where nothing of its own is kept. */
  readonly place: string | undefined
  log(point: Point): void
  /** Takes over the points of an earlier run, with their times, before any of its own. */
  adopt(earlier: ReadonlyMap<string, Series>): void
  /** Sets an entry of the run's info, e.g. resumed_from. */
  setInfo(key: string, value: Json): void
  /** Adds console output, whole lines. */
  capture(text: string): void
  /** Keeps a copy of the file as it is now; one of the same name is replaced. */
  keep(artifact: Artifact): void
  /** Says that the run is alive. */
  beat(time: number): void
  finish(end: RunEnd): Promise<void>
}

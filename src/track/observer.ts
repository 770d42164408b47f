import type { Json, JsonObject } from '../config/json.ts'
import type { RecordedAdapter } from './host.ts'
import type { Series } from './metrics.ts'

/** What is known about a run when it starts. */
export interface RunStart {
  /** Name of the experiment. */
  experiment: string
  /** The command, e.g. `train`. */
  command: string
  /** Command-line options. */
  options: JsonObject
  comment?: string
  /** Priority in a queue, as in Sacred. */
  priority?: number
  /** The complete configuration. */
  config: JsonObject
  /** The named configurations and files it was made from. */
  namedConfigs: readonly string[]
  /** The values set on the command line, as a tree. */
  configUpdates: JsonObject
  adapter: RecordedAdapter
  /** Small files that define the run: the main file, configurations. They are copied. */
  sources?: readonly string[]
  /** Data files that the run reads. They are listed, not copied: a dataset may not fit on the disk twice. */
  resources?: readonly string[]
}

/** One value of a metric. `step` is in the metric's own unit: batches or epochs. */
export interface Point {
  name: string
  step: number
  /** May be NaN or infinite. */
  value: number
  /** Milliseconds since 1970. */
  time: number
}

/** A file that belongs to the run, e.g. a checkpoint or a picture. */
export type Artifact = { name: string } & (ArtifactFile | ArtifactBytes)

/** A file that may be replaced, but is never edited in place. */
interface ArtifactFile {
  path: string
}

interface ArtifactBytes {
  /** Owned by the observer: must not be changed any more. */
  bytes: Uint8Array
  /** For a picture that is drawn repeatedly: the step it shows. */
  step?: number
  /** The run directory also keeps it as it was at earlier steps. */
  isHistory?: boolean
}

export type FinalStatus = 'COMPLETED' | 'INTERRUPTED' | 'FAILED' | 'TIMEOUT'

export interface RunEnd {
  status: FinalStatus
  /** The result that ranks the run among others. */
  result?: Json
  /** The error that made a FAILED run fail. */
  error?: unknown
}

/**
 * Records a run in one place: files, a database or TensorBoard. Records are optional outputs: no method throws or rejects, and the first
 * failure is reported as a warning. Methods return at once; slow work continues in the background until `finish` resolves.
 */
export interface Observer {
  /** Where the user finds the record; undefined if the observer stores nothing itself. */
  readonly place: string | undefined
  log(point: Point): void
  /** Adds the points of an earlier run, with their times. Called before any `log`. */
  adopt(earlier: ReadonlyMap<string, Series>): void
  /** Sets an entry of the run's info, e.g. resumed_from. */
  setInfo(key: string, value: Json): void
  /** Adds console output, whole lines. */
  capture(text: string): void
  /** Keeps a copy of the artifact as it is now, and replaces one of the same name. */
  keep(artifact: Artifact): void
  /** Heartbeat: the run is alive. */
  beat(time: number): void
  finish(end: RunEnd): Promise<void>
}

import type { JsonObject } from '../config/json.ts'
import type { Config } from '../config/schema.ts'
import type { Ranks } from '../distributed/ranks.ts'
import type { Console } from '../track/console/console.ts'
import type { MongoAddress } from '../track/mongo/address.ts'

/** What is recorded about a run besides its configuration, and how. */
export interface RunIdentity {
  /** name of the experiment; default sadaan_hdf5 */
  experiment?: string
  /** number of the run; default one above the highest */
  id?: number
  comment?: string
  priority?: number
  /** command-line options by Sacred's names */
  options?: JsonObject
  /** the named configurations and files that make up the configuration */
  namedConfigs?: readonly string[]
  /** values set on top of them, as a tree */
  configUpdates?: JsonObject
  /** files from which the configuration was read */
  sources?: readonly string[]
  /** false: the console output is not recorded */
  capture?: boolean
  /** seconds between heartbeats */
  beatSeconds?: number
}

export interface TrainingRequest {
  config: Config
  /** true: from the newest intact checkpoint in save_dir; a path: from that checkpoint */
  resume: boolean | string
  /** folder of Sacred's run directories; undefined: the run is unobserved */
  runs: string | undefined
  /** a database that also records the run */
  mongo?: MongoAddress
  /** folder of TensorBoard's runs */
  tensorboard?: string
  identity?: RunIdentity
  console: Console
  /** the processes that train together; this one alone by default */
  ranks?: Ranks
  /** when aborted, training saves and ends after the current window; the reason 'TIMEOUT' becomes the status */
  stop: AbortSignal
}

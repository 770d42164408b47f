import type { JsonObject } from '../config/json.ts'
import type { Config } from '../config/schema.ts'
import type { Console } from '../track/console/console.ts'
import type { MongoAddress } from '../track/mongo/address.ts'

/** What the record says of a run beside its configuration, and how it is kept. */
export interface RunIdentity {
  /** name of the experiment; sadaan_hdf5 if not given */
  experiment?: string
  /** number of the run; one above the highest if not given */
  id?: number
  comment?: string
  priority?: number
  /** options of the command line, by Sacred's names */
  options?: JsonObject
  /** named configurations and files that the configuration was made from */
  namedConfigs?: readonly string[]
  /** what was set on top of them, as a tree */
  configUpdates?: JsonObject
  /** files that the configuration was read from */
  sources?: readonly string[]
  /** false: what the console says is not kept */
  capture?: boolean
  /** seconds between two heartbeats */
  beatSeconds?: number
}

export interface TrainingRequest {
  config: Config
  /** true: from the newest good checkpoint of save_dir; a path: from that one */
  resume: boolean | string
  /** folder of Sacred's run directories; undefined leaves the run unobserved */
  runs: string | undefined
  /** a database that keeps the run too */
  mongo?: MongoAddress
  /** folder of TensorBoard's runs */
  tensorboard?: string
  identity?: RunIdentity
  console: Console
  /** when aborted, training saves and ends after the step at hand; with the reason 'TIMEOUT' its status is that */
  stop: AbortSignal
}

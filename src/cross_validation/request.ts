import type { Config } from '../config/schema.ts'
import type { ImportOptions } from '../data/import/import_options.ts'
import type { Ranks } from '../distributed/ranks.ts'
import type { Console } from '../track/console/console.ts'
import type { RunIdentity } from '../train/request.ts'

export interface CrossValidationRequest {
  /** how to read and prepare the scans, as for `import`; a scan that cannot be used ends it */
  data: Omit<ImportOptions, 'outputDir' | 'validationSplit' | 'testSplit' | 'seed' | 'overwrite' | 'skipBad'>
  /** dataset, checkpoint folder and early stopping are set for each fold; in_channels too, if it is the default */
  config: Config
  output: string
  /** number of folds, at least 2 */
  folds: number
  /** for each fold the scans or subjects to hold out, as in nnU-Net's splits_final.json (`readGivenFolds`); default: dealt */
  given?: readonly (readonly string[])[]
  /** of the folds and of the bootstrap */
  seed: number
  /** the folds to run, from 0; default all */
  only?: readonly number[]
  /** predict every subject as a mean over inputs mirrored along the axes that training flips */
  flips?: boolean
  /** path of the JSON of a score or another cross-validation to compare with */
  against?: string
  /** the processes that share the folds; this one alone by default */
  ranks?: Ranks
  identity?: RunIdentity
  console: Console
  progress(what: string): { update(done: number, all: number): void; end(): void }
  /** when aborted, the training saves, and everything ends */
  stop: AbortSignal
}

/** The user stopped something that has nothing to save. */
export class StoppedError extends Error {
  override name = 'StoppedError'
}

/** Progress that throws StoppedError once the user stops. */
export function stoppable(
  { progress, stop }: Pick<CrossValidationRequest, 'progress' | 'stop'>,
  what: string,
): ReturnType<CrossValidationRequest['progress']> {
  const shown = progress(what)
  const update = (done: number, all: number): void => {
    if (stop.aborted) throw new StoppedError()
    shown.update(done, all)
  }
  return { update, end: shown.end }
}

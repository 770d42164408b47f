import { resolve } from 'node:path'
import type { Json, JsonObject } from '../config/json.ts'
import { toJson } from '../config/load.ts'
import type { Curves } from '../report/curves.ts'
import { readMetrics, selectPoints } from '../track/metrics.ts'
import type { Observer } from '../track/observer.ts'
import { RunDirectory } from '../track/run_directory.ts'
import { RunRecord } from '../track/run_record.ts'
import { makeTensorBoardFolder, TensorBoard } from '../track/tensorboard.ts'
import { CurveObserver } from './curve_observer.ts'
import type { ResumePoint } from './resume.ts'
import type { Session } from './session.ts'
import type { TrainingRequest } from './training.ts'

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
  /** false: what the console says is not kept */
  capture?: boolean
  /** seconds between two heartbeats */
  beatSeconds?: number
}

/** Opens the records that are asked for; undefined when there is none. A resumed run begins with the earlier one's points. */
export function openRecord(
  request: TrainingRequest,
  session: Session,
  point: ResumePoint | undefined,
): RunRecord | undefined {
  if (request.runs === undefined) return undefined
  const warn = (line: string): void => request.console.warn(line)
  if (request.tensorboard !== undefined) makeTensorBoardFolder(request.tensorboard)
  const directory = openRun(request, request.runs, session)
  const observers: Observer[] = directory ? [directory] : []
  const id = directory?.id ?? null
  if (request.tensorboard !== undefined) {
    const config = JSON.parse(toJson(request.config)) as JsonObject
    observers.push(new TensorBoard({ base: request.tensorboard, id, config, warn }))
  }
  if (observers.length === 0) return undefined
  const curves = new CurveObserver(describeCurves(request, id), artifact => record.keep(artifact), warn)
  const record: RunRecord = new RunRecord(id, [curves, ...observers], request.identity?.beatSeconds)
  if (point) continueRecord(record, request.runs, point, warn)
  record.setInfo('variants', describeVariants(session))
  return record
}

function describeCurves({ config }: TrainingRequest, id: number | null): Omit<Curves, 'metrics'> {
  const run = id === null ? '' : `run ${id}, `
  const { num_epochs: planned } = config.training
  return { title: `${run}${config.dataset_path}`, planned, monitor: config.checkpoint.monitor }
}

function openRun(
  { config, identity = {}, console }: TrainingRequest,
  base: string,
  { device }: Session,
): RunDirectory | undefined {
  const { experiment = 'sadaan_hdf5', options = {}, namedConfigs = [], configUpdates = {}, ...given } = identity
  return RunDirectory.create({
    ...given,
    base,
    experiment,
    command: 'train',
    options,
    config: JSON.parse(toJson(config)) as JsonObject,
    namedConfigs,
    configUpdates,
    adapter: { model: device.name, driver: device.opened.info.description },
    warn: line => console.warn(line),
  })
}

/** Which kernels the run computes with: the digest is equal for equal choices. */
function describeVariants({ variants: { fixed, origin } }: Session): Json {
  return { origin, digest: fixed.digest, calls: fixed.counts() }
}

/** Tells the record where it goes on from, and copies what the earlier run had logged up to there. */
function continueRecord(
  record: RunRecord,
  base: string,
  { path, checkpoint, progress, position }: ResumePoint,
  warn: (line: string) => void,
): void {
  const { run, batches } = progress
  record.setInfo('resumed_from', { run, checkpoint: resolve(path), epoch: checkpoint.epoch, step: batches })
  if (run === null) return
  const isKept = (name: string, step: number): boolean =>
    step < (name.startsWith('train.batch.') ? batches : position.epoch)
  try {
    record.adopt(selectPoints(readMetrics(resolve(base, String(run))), isKept))
  } catch (error) {
    warn(`the metrics of run ${run} could not be copied: ${(error as Error).message}`)
  }
}

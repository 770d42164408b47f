import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Json, JsonObject } from '../config/json.ts'
import { toJson } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { Curves } from '../report/figures/training_curves.ts'
import { TERMS } from '../run/batch_result.ts'
import { readMetrics, selectPoints } from '../track/metrics.ts'
import { MongoConnection } from '../track/mongo/connection.ts'
import { MongoRun } from '../track/mongo/run.ts'
import type { Observer, RunStart } from '../track/observer.ts'
import { RunDirectory } from '../track/run_directory.ts'
import { RunRecord } from '../track/run_record.ts'
import { makeTensorBoardFolder, TensorBoard } from '../track/tensorboard/tensorboard.ts'
import { sacredTime } from '../track/time.ts'
import { messageOf } from '../util/error.ts'
import { factsOf } from '../util/files/lookup.ts'
import { CurveObserver } from './curve_observer.ts'
import type { FitResult } from './fit.ts'
import type { Pretrained } from './pretrained.ts'
import type { TrainingRequest } from './request.ts'
import type { ResumePoint } from './resume.ts'
import type { Session } from './session.ts'

/** What a training starts from, besides its configuration. */
export interface Start {
  point: ResumePoint | undefined
  pretrained: Pretrained | undefined
}

/** Opens the requested records; undefined if there are none. A resumed run starts with the metrics of the earlier run. */
export async function openRecord(
  request: TrainingRequest,
  session: Session,
  { point, pretrained }: Start,
): Promise<RunRecord | undefined> {
  if (request.runs === undefined) return undefined
  const info = {
    variants: describeVariants(session),
    data: describeData(session),
    ...(!session.team.isAlone && { ranks: describeRanks(session) }),
    ...(pretrained && { pretrained: describePretrained(pretrained) }),
  }
  const resources = [...dataFiles(session), ...(pretrained ? [pretrained.path] : [])]
  const { observers, id } = await openObservers(request, request.runs, describeStart(request, session, resources))
  if (observers.length === 0) return undefined
  const warn = (line: string): void => request.console.warn(line)
  const curves = new CurveObserver(describeCurves(request, session, id), artifact => record.keep(artifact), warn)
  const record: RunRecord = new RunRecord(id, [curves, ...observers], request.identity?.beatSeconds)
  if (point) continueRecord(record, request.runs, point, warn)
  for (const [key, value] of Object.entries(info)) record.setInfo(key, value)
  return record
}

/** If one cannot be opened, those before it tell of a failed run; otherwise they would tell of a running one for ever. */
async function openObservers(
  { console, identity, mongo, tensorboard }: TrainingRequest,
  base: string,
  start: RunStart,
): Promise<{ observers: Observer[]; id: number | null }> {
  const warn = (line: string): void => console.warn(line)
  const connection = mongo && (await MongoConnection.make(mongo))
  const observers: Observer[] = []
  try {
    if (tensorboard !== undefined) makeTensorBoardFolder(tensorboard)
    const numbered = identity?.id === undefined ? {} : { id: identity.id }
    const directory = RunDirectory.create({ ...start, ...numbered, base, warn })
    if (directory) observers.push(directory)
    const id = directory?.id ?? null
    if (tensorboard !== undefined)
      observers.push(new TensorBoard({ base: tensorboard, id, config: start.config, warn }))
    // last, because the end of a run waits for a database that is unreachable
    if (connection) observers.push(await MongoRun.open({ ...start, connection, id: directory?.id, warn }))
    return { observers, id }
  } catch (error) {
    for (const observer of observers) await observer.finish({ status: 'FAILED', error })
    await connection?.close()
    throw error
  }
}

function describeCurves({ config }: TrainingRequest, { dataset }: Session, id: number | null): Omit<Curves, 'metrics'> {
  const run = id === null ? '' : `run ${id}, `
  const { num_epochs: planned } = config.training
  const terms = TERMS.filter(term => term !== 'total')
  const structures = dataset.structureNames
  return { title: `${run}${config.dataset_path}`, terms, structures, planned, monitor: config.checkpoint.monitor }
}

function describeStart({ config, identity = {} }: TrainingRequest, session: Session, resources: string[]): RunStart {
  const { opened } = session.device
  const { experiment = 'sadaan_hdf5', options = {}, namedConfigs = [], configUpdates = {} } = identity
  const { comment, priority, sources = [] } = identity
  return {
    ...(comment === undefined ? {} : { comment }),
    ...(priority === undefined ? {} : { priority }),
    experiment,
    command: 'train',
    options,
    config: JSON.parse(toJson(config)) as JsonObject,
    namedConfigs,
    configUpdates,
    adapter: {
      model: opened.name,
      driver: opened.info.description,
      vendor: opened.info.vendor,
      software: opened.software,
    },
    sources: [...(process.argv[1] === undefined ? [] : [process.argv[1]]), ...sources],
    resources,
  }
}

/** Where each rank runs, and on what. */
function describeRanks({ team: { ranks, adapters } }: Session): Json {
  return ranks.members.map(({ host }, rank) => ({
    host,
    adapter: adapters[rank]!.name,
    driver: adapters[rank]!.driver,
  }))
}

/** The kernel variants of the run. Equal choices have equal digests. */
function describeVariants({ variants: { fixed, origin } }: Session): Json {
  return { origin, digest: fixed.digest, calls: fixed.counts() }
}

/** Where each tensor of the initial model comes from. */
function describePretrained({ path, taken, partly, drawn }: Pretrained): Json {
  return { path, taken, partly, drawn }
}

/** The files of data that training reads. */
function dataFiles({ dataset: { splits } }: Session): string[] {
  return [splits.train!, splits.val!].map(({ path }) => resolve(path))
}

/** Shows later whether the data have changed since the run. */
function describeData(session: Session): Json {
  return dataFiles(session).map(path => {
    const found = factsOf(path)
    return found ? { path, bytes: found.size, modified: sacredTime(found.mtimeMs) } : { path }
  })
}

/** Records the checkpoint that the run resumes from, and copies the metrics logged up to it. */
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
    warn(`the metrics of run ${run} could not be copied: ${messageOf(error)}`)
  }
}

/** Keeps the best weights and the checkpoint to resume from. Those of every epoch would fill the disk. */
export function keepCheckpoints(
  record: RunRecord,
  { checkpoint }: Config,
  { best, bestPath }: FitResult,
  hasSaved: boolean,
): void {
  const names = [...(best.epoch === null ? [] : ['best_model.pth']), ...(hasSaved ? ['last.pth'] : [])]
  for (const name of names) {
    const path = resolve(name === 'best_model.pth' ? bestPath : join(checkpoint.save_dir, name))
    // a run resumed from another folder, or from before its best model, may have found no better one
    if (existsSync(path)) record.keep({ name, path })
  }
}

import { resolve } from 'node:path'
import type { Json, JsonObject } from '../config/json.ts'
import { toJson } from '../config/load.ts'
import { readMetrics, selectPoints } from '../track/metrics.ts'
import { RunDirectory } from '../track/run_directory.ts'
import { RunRecord } from '../track/run_record.ts'
import type { ResumePoint } from './resume.ts'
import type { Session } from './session.ts'
import type { TrainingRequest } from './training.ts'

/** Opens the records that are asked for; undefined when there is none. A resumed run begins with the earlier one's points. */
export function openRecord(
  request: TrainingRequest,
  session: Session,
  point: ResumePoint | undefined,
): RunRecord | undefined {
  if (request.runs === undefined) return undefined
  const directory = openRun(request, request.runs, session)
  if (!directory) return undefined
  const record = new RunRecord(directory.id, [directory])
  if (point) continueRecord(record, request.runs, point, line => request.console.warn(line))
  record.setInfo('variants', describeVariants(session))
  return record
}

function openRun(
  { config, changed, options, comment, console }: TrainingRequest,
  base: string,
  { device }: Session,
): RunDirectory | undefined {
  const tree = JSON.parse(toJson(config)) as JsonObject
  return RunDirectory.create({
    base,
    experiment: 'sadaan_hdf5',
    command: 'train',
    options,
    ...(comment === undefined ? {} : { comment }),
    config: tree,
    namedConfigs: [],
    configUpdates: Object.fromEntries(changed.map(key => [key, valueAt(tree, key)])),
    adapter: { model: device.name, driver: device.opened.info.description },
    warn: line => console.warn(line),
  })
}

function valueAt(tree: JsonObject, key: string) {
  return key.split('.').reduce<JsonObject[string]>((value, name) => (value as JsonObject)[name]!, tree)
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

import { basename, join, relative } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { Ranks } from '../distributed/ranks.ts'
import { Device } from '../gpu/device.ts'
import { type Ensemble, openEnsemble } from '../run/ensemble.ts'
import { InferenceEngine, type InferenceSpec } from '../run/inference.ts'
import { formatBytes, totalOf } from '../run/memory.ts'
import { adapterOfRank } from '../run/rank_adapter.ts'
import { checkSameModels, checkSameProgram } from '../run/same_on_ranks.ts'
import { choiceOfRanks } from '../run/variants.ts'
import { Closer } from '../util/closer.ts'
import { InputError } from '../util/error.ts'
import { makeFolder } from '../util/files/folder.ts'
import { isFolder } from '../util/files/lookup.ts'
import { StagedResults } from '../util/files/staged_results.ts'
import { withOutputFolder } from '../util/output_folder.ts'
import { BadSubjects, type FailedSubject } from './bad_subjects.ts'
import { type PredictedSubject, PredictionFiles, type PredictionHead, samplesOf } from './files.ts'
import { Hdf5Results } from './hdf5_results.ts'
import type { Share } from './inputs.ts'
import { openJob, type PredictionJob, type PredictionRequest } from './job.ts'
import { predictSubjects, recorderFor } from './passes.ts'
import { ScanResults } from './scan_results.ts'
import { type SubjectFiles, volumeNames } from './subject_files.ts'
import { RAW_NAMES, type RawName } from './subject_prediction.ts'

export interface Prediction {
  samples: number
  presence_threshold: number
  files: string[]
  /** number of samples in which each structure is predicted present, by name */
  present: Record<string, number>
  /** in which respects the input is unlike the training data; those of single scans are in `found` */
  warnings: readonly string[]
  /** the results of each sample, as in presence.json */
  found: ReturnType<typeof samplesOf>
  /** the scans and samples that could not be predicted */
  failed: FailedSubject[]
}

/** A prediction under way. */
interface Task {
  request: PredictionRequest
  ensemble: Ensemble
  job: PredictionJob
  ranks: Ranks
  share: Share
  engine: InferenceEngine<RawName>
  results: StagedResults
}

/** What a rank tells of its share. */
interface Part {
  subjects: readonly PredictedSubject[]
  failed: FailedSubject[]
  /** of its files, within its folder */
  names: readonly string[]
}

/**
 * The `predict` command. Writes masks_s = [p_s > 0.5]·[q_s > presence_threshold] on the grid of the input (for scans as NIfTI with the same
 * geometry), a presence table, and the outputs requested. With several models, p and q are means over them. A scan or sample that cannot be used is listed under `failed`, and the others are
 * predicted. Throws InputError if the input does not match the model or nothing can be used, and then leaves the results' folder unchanged.
 */
export async function predict(request: PredictionRequest): Promise<Prediction> {
  return opening(request, body => withOutputFolder(request.output, body), run)
}

/**
 * What another rank than the first does for its `predict`: it predicts its share of the subjects, into a folder of its own within the unfinished
 * results. `request` is that of the first.
 */
export async function helpPredict(request: PredictionRequest): Promise<void> {
  return opening(request, body => body(), help)
}

/** Opens input, device and models for `body`. All ranks call it. */
function opening<T>(
  request: PredictionRequest,
  within: (body: () => Promise<T>) => Promise<T>,
  body: (task: Omit<Task, 'results'>, device: Device, closer: Closer) => Promise<T>,
): Promise<T> {
  const { config, ranks = Ranks.alone() } = request
  const ensemble = openEnsemble(request.weights)
  return Closer.using(async opened => {
    const job = await openJob(request, ensemble)
    opened.add(job.subjects, each => each.close())
    const { count } = job.subjects
    await checkSameProgram(ranks, config)
    await checkSameModels(ranks, ensemble.models)
    await ranks.requireSame('the input', `${count} subjects`)
    const device = opened.add(await Device.open(await adapterOfRank(ranks, config)), each => each.close())
    return within(() =>
      Closer.using(async closer => {
        const engine = closer.add(await openEngine({ ...request, ranks }, ensemble, job, device), each => each.close())
        await ranks.requireSame('the batch size that fits', String(engine.batchSize))
        const share = shareOf(ranks, count)
        return body({ request, ensemble, job, ranks, share, engine }, device, closer)
      }),
    )
  })
}

/** Runs in the order of ranks, so that the subjects of a rank are behind those of the ranks before it. */
function shareOf({ rank, size }: Ranks, count: number): Share {
  const [from, to] = [rank, rank + 1].map(r => Math.floor((r * count) / size))
  return { from: from!, to: to! }
}

async function run(opened: Omit<Task, 'results'>, device: Device, closer: Closer): Promise<Prediction> {
  const { request, job, ranks, engine } = opened
  const { output, overwrite, say } = request
  const results = closer.add(new StagedResults(output, { overwrite }), each => each.abandon())
  say(`adapter   ${device.name}`)
  say(`memory    ${formatBytes(totalOf(engine.need))} at batch size ${engine.batchSize}`)
  const task: Task = { ...opened, results }
  return writing(task, async files => {
    await ranks.gatherValues(basename(results.stage))
    const bad = await predictShare(task, files)
    ranks.timeout = Number.POSITIVE_INFINITY // the shares may take hours, one longer than another
    const parts = ranks.size === 1 ? [] : (await ranks.gather(serialize(null))).slice(1)
    for (const [i, part] of parts.entries()) {
      const { subjects, failed, names } = deserialize(part) as Part
      await files.adopt(subjects, folderOf(results.stage, i + 1), names)
      bad.adopt(failed)
    }
    bad.checkAnyLeft()
    const priors = opened.ensemble.common.weights.get('attention_module.position_embeddings')!
    if (request.raw) files.writePriors(Float32Array.from(priors.data as ArrayLike<number>))
    const failed = bad.list()
    return reportOf(job.head, files, { failed, files: await files.finish(failed) })
  })
}

async function help(opened: Omit<Task, 'results'>): Promise<void> {
  const { request, ranks } = opened
  const [stage] = await ranks.gatherValues('')
  const place = join(request.output, stage!)
  if (!isFolder(place))
    throw new InputError(
      `${place}: is not there, but rank 0 has made it; expected an output folder that all ranks see, on a file system that their machines share`,
    )
  const folder = folderOf(place, ranks.rank)
  makeFolder(folder, 'a folder for the results')
  const task: Task = { ...opened, results: new StagedResults(folder) }
  await writing(task, async files => {
    const bad = await predictShare(task, files)
    const names = (await files.finishPart()).map(path => relative(folder, path))
    ranks.timeout = Number.POSITIVE_INFINITY
    await ranks.gather(serialize({ subjects: files.subjects, failed: bad.list(), names } satisfies Part))
  })
}

/** Where a rank writes its part of the results. */
function folderOf(stage: string, rank: number): string {
  return join(stage, `rank ${rank}`)
}

/** Opens the files of the results for `body`. */
async function writing<T>(task: Task, body: (files: PredictionFiles) => Promise<T>): Promise<T> {
  const { request, ensemble, job, results } = task
  const volumes = await filesFor(request, job, results)
  const shape = request.raw ? ensemble.common.shape : undefined
  const files = await PredictionFiles.create(results, job.head, volumes, shape)
  try {
    return await body(files)
  } catch (error) {
    files.abandon()
    throw error
  }
}

async function openEngine(
  { config, raw, say, compiling, ranks }: PredictionRequest & { ranks: Ranks },
  { models }: Ensemble,
  { head, subjects }: PredictionJob,
  device: Device,
): Promise<InferenceEngine<RawName>> {
  const outputs: readonly RawName[] = raw ? RAW_NAMES : ['presence_probs', ...volumeNames(head)]
  const most = head.overlap === undefined ? subjects.count * head.flips.length : Number.POSITIVE_INFINITY
  const spec: InferenceSpec<RawName> = {
    models,
    batchSize: Math.min(config.training.batch_size, most),
    record: recorderFor(outputs),
    choice: await choiceOfRanks(ranks, device, config, say),
    isPinned: config.training.pin_memory,
    ...(compiling && { compiling }),
  }
  return InferenceEngine.openFitting(device, spec, say)
}

async function filesFor(
  { probabilities = false, say }: PredictionRequest,
  { head, subjects, folders }: PredictionJob,
  results: StagedResults,
): Promise<SubjectFiles> {
  const options = { ...head, hasProbabilities: probabilities }
  return folders
    ? new ScanResults(results, folders, options, say)
    : Hdf5Results.create(results, subjects.stored!.imageSize, options)
}

/** Predicts the subjects of this rank. Returns those without results. */
async function predictShare(task: Task, files: PredictionFiles): Promise<BadSubjects> {
  const { request, ensemble, job, ranks, share, engine, results } = task
  const { subjects, head } = job
  const bad = new BadSubjects(subjects)
  const passes = { ensemble, head, subjects, share, engine, bad, scratch: (name: string) => results.scratch(name) }
  const progress = (done: number): void => request.progress(Math.min(subjects.count, done * ranks.size), subjects.count)
  await predictSubjects(passes, {
    use: (subject, prediction, outputs) => {
      results.undoing(() => files.append(subject, prediction))
      if (request.raw) files.appendRaw(subject.index, outputs)
    },
    afterBatch: () => progress(files.subjects.length + bad.count),
  })
  return bad
}

function reportOf(
  { structureNames, presenceThreshold, warnings }: PredictionHead,
  { subjects }: PredictionFiles,
  written: Pick<Prediction, 'files' | 'failed'>,
): Prediction {
  const present = structureNames.map((name, s): [string, number] => [
    name,
    subjects.filter(({ rows }) => rows[s]!.present).length,
  ])
  return {
    samples: subjects.length,
    presence_threshold: presenceThreshold,
    ...written,
    present: Object.fromEntries(present),
    warnings,
    found: samplesOf(subjects, structureNames),
  }
}

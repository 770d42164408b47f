import { Device } from '../gpu/device.ts'
import { type Ensemble, openEnsemble } from '../run/ensemble.ts'
import { InferenceEngine, type InferenceSpec } from '../run/inference.ts'
import { formatBytes, totalOf } from '../run/memory.ts'
import { wantedAdapter } from '../run/open.ts'
import { knownChoice } from '../run/variants.ts'
import { Closer } from '../util/closer.ts'
import { StagedResults } from '../util/files/staged_results.ts'
import { withOutputFolder } from '../util/output_folder.ts'
import { BadSubjects, type FailedSubject } from './bad_subjects.ts'
import { PredictionFiles, type PredictionHead, samplesOf } from './files.ts'
import { Hdf5Results } from './hdf5_results.ts'
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
  engine: InferenceEngine<RawName>
  results: StagedResults
}

/**
 * The `predict` command. Writes masks_s = [p_s > 0.5]·[q_s > presence_threshold] on the grid of the input (for scans as NIfTI with the same
 * geometry), a presence table, and the outputs requested. With several models, p and q are means over them. A scan or sample that cannot be used is listed under `failed`, and the others are
 * predicted. Throws InputError if the input does not match the model or nothing can be used, and then leaves the results' folder unchanged.
 */
export async function predict(request: PredictionRequest): Promise<Prediction> {
  const ensemble = openEnsemble(request.weights)
  return Closer.using(async opened => {
    const job = await openJob(request, ensemble)
    opened.add(job.subjects, each => each.close())
    const device = opened.add(await Device.open(wantedAdapter(request.config)), each => each.close())
    return withOutputFolder(request.output, () => run(request, ensemble, job, device))
  })
}

function run(request: PredictionRequest, ensemble: Ensemble, job: PredictionJob, device: Device): Promise<Prediction> {
  const { output, overwrite, raw, say } = request
  return Closer.using(async opened => {
    const engine = opened.add(await openEngine(request, ensemble, job, device), each => each.close())
    const results = opened.add(new StagedResults(output, { overwrite }), each => each.abandon())
    say(`adapter   ${device.name}`)
    say(`memory    ${formatBytes(totalOf(engine.need))} at batch size ${engine.batchSize}`)
    const volumes = await filesFor(request, job, results)
    const files = await PredictionFiles.create(results, job.head, volumes, raw ? ensemble.common.shape : undefined)
    try {
      const failed = await predictAll({ request, ensemble, job, engine, results }, files)
      return reportOf(job.head, files, { failed, files: await files.finish(failed) })
    } catch (error) {
      files.abandon()
      throw error
    }
  })
}

function openEngine(
  { config, raw, say, compiling }: PredictionRequest,
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
    choice: knownChoice(device, config, say),
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

/** Returns the subjects without results. */
async function predictAll(task: Task, files: PredictionFiles): Promise<FailedSubject[]> {
  const { request, ensemble, job, engine, results } = task
  const { subjects, head } = job
  const bad = new BadSubjects(subjects)
  const passes = { ensemble, head, subjects, engine, bad, scratch: (name: string) => results.scratch(name) }
  await predictSubjects(passes, {
    use: (subject, prediction, outputs) => {
      results.undoing(() => files.append(subject, prediction))
      if (request.raw) files.appendRaw(subject.index, outputs)
    },
    afterBatch: () => request.progress(files.subjects.length + bad.count, subjects.count),
  })
  const priors = ensemble.common.weights.get('attention_module.position_embeddings')!
  if (request.raw) files.writePriors(Float32Array.from(priors.data as ArrayLike<number>))
  return bad.list()
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

import { Device } from '../gpu/device.ts'
import type { Tensor } from '../graph/tensor.ts'
import { type Ensemble, openEnsemble } from '../run/ensemble.ts'
import { InferenceEngine, type InferenceSpec, type Recorder } from '../run/inference.ts'
import { formatBytes, totalOf } from '../run/memory.ts'
import { wantedAdapter } from '../run/open.ts'
import { recordPrediction } from '../run/tapes.ts'
import { knownChoice } from '../run/variants.ts'
import { Closer } from '../util/closer.ts'
import { withOutputFolder } from '../util/output_folder.ts'
import type { ImageSize } from '../util/shape.ts'
import { BadSubjects, checkFinite, type FailedSubject } from './bad_subjects.ts'
import { Combiner } from './combiner.ts'
import { PredictionFiles, type PredictionHead, samplesOf } from './files.ts'
import { Hdf5Results } from './hdf5_results.ts'
import { type ModelInput, type ModelInputBatch, passesOf } from './inputs.ts'
import { openJob, type PredictionJob, type PredictionRequest } from './job.ts'
import { ScanResults } from './scan_results.ts'
import { StagedResults } from './staged_results.ts'
import { type SubjectFiles, volumeNames } from './subject_files.ts'
import { RAW_NAMES, type RawName, type RawOutputs } from './subject_prediction.ts'

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

function recorderFor(names: readonly RawName[]): Recorder<RawName> {
  return batch => state => {
    const { calls, outputs } = recordPrediction(state, batch)
    return { calls, outputs: Object.fromEntries(names.map(name => [name, outputs[name]])) as Record<RawName, Tensor> }
  }
}

/** Returns the subjects without results. */
async function predictAll(task: Task, files: PredictionFiles): Promise<FailedSubject[]> {
  const { request, ensemble, job, engine, results } = task
  const { subjects, head } = job
  const { models, common } = ensemble
  const { size, inChannels } = common.shape
  const { overlap = 0, flips } = head
  const plan = { window: [...size] as ImageSize, channels: inChannels, overlap, flips, models: models.length }
  const bad = new BadSubjects(subjects)
  const combiner = new Combiner(ensemble, head, name => results.scratch(name))
  const use = (outputs: RawOutputs, { passes, model }: ModelInputBatch): void => {
    for (const [i, pass] of passes.entries()) {
      const { index } = pass.subject
      if (bad.has(index)) continue
      try {
        take(task, combiner, files, { pass, model, outputs: passOf(outputs, i, engine.batchSize) })
      } catch (error) {
        bad.add(index, error)
        combiner.forget(index)
      }
    }
    request.progress(files.subjects.length + bad.count, subjects.count)
  }
  try {
    await engine.runAll(passesOf(subjects, plan, engine.batchSize, bad), use)
    bad.checkAnyLeft()
  } finally {
    combiner.close()
  }
  const priors = common.weights.get('attention_module.position_embeddings')!
  if (request.raw) files.writePriors(Float32Array.from(priors.data as ArrayLike<number>))
  return bad.list()
}

/** Adds the outputs of one pass, and writes the subject's results after its last. */
function take(
  { request, ensemble: { models }, job: { subjects, head }, results }: Task,
  combiner: Combiner,
  files: PredictionFiles,
  { pass, model, outputs }: { pass: ModelInput; model: number; outputs: RawOutputs },
): void {
  const { subject } = pass
  const whose = models.length === 1 ? "the model's" : `${models[model]!.path}'s`
  checkFinite(outputs, { where: subjects.whereIs(subject.index), whose }, head.structureNames)
  combiner.add(pass, outputs, prediction => {
    results.undoing(() => files.append(subject, prediction))
    if (request.raw) files.appendRaw(subject.index, outputs)
  })
}

/** The outputs of pass `i` of a batch. */
function passOf(outputs: RawOutputs, i: number, batchSize: number): RawOutputs {
  const entries = Object.entries(outputs).map(([name, values]) => {
    const length = values.length / batchSize
    return [name, values.subarray(i * length, (i + 1) * length)]
  })
  return Object.fromEntries(entries) as RawOutputs
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

import { Device } from '../gpu/device.ts'
import type { Tensor } from '../graph/tensor.ts'
import { InferenceEngine, type Recorder } from '../run/inference.ts'
import { formatBytes, totalOf } from '../run/memory.ts'
import { wantedAdapter } from '../run/open.ts'
import { recordPrediction } from '../run/tapes.ts'
import { openTrainedModel, type TrainedModel } from '../run/trained_model.ts'
import { knownChoice } from '../run/variants.ts'
import { mirrorPartners } from '../util/mirror.ts'
import { withOutputFolder } from '../util/output_folder.ts'
import type { ImageSize } from '../util/shape.ts'
import { Aggregator } from './aggregator.ts'
import { PredictionFiles, type PredictionHead, samplesOf } from './files.ts'
import { Hdf5Results } from './hdf5_results.ts'
import { type ModelInputBatch, passesOf } from './inputs.ts'
import { openJob, type PredictionJob, type PredictionRequest } from './job.ts'
import { ScanResults } from './scan_results.ts'
import { StagedResults } from './staged_results.ts'
import { type SubjectFiles, volumeNames } from './subject_files.ts'
import { RAW_NAMES, type RawName, type RawOutputs } from './subject_prediction.ts'

export interface Prediction {
  samples: number
  presence_threshold: number
  files: string[]
  /** samples in which each structure was predicted present, by its name */
  present: Record<string, number>
  /** what was found, sample by sample, as in presence.json */
  found: ReturnType<typeof samplesOf>
}

/** More of a subject's blended volumes than this lies in a file while it is needed, bytes. */
const MEMORY_LIMIT = 2 ** 30

/**
 * The whole of `predict`: masks_s = [p_s > 0.5]·[q_s > presence_threshold] on the input's grid (scans: NIfTI of the same geometry), a
 * presence table, and what else is asked for. Throws InputError when the input cannot be read or does not fit the model; the results'
 * folder is then as it was.
 */
export async function predict(request: PredictionRequest): Promise<Prediction> {
  const model = openTrainedModel(request.weights)
  const job = await openJob(request, model)
  try {
    const device = await Device.open(wantedAdapter(request.config))
    try {
      return await withOutputFolder(request.output, () => run(request, model, job, device))
    } finally {
      device.close()
    }
  } finally {
    job.subjects.close()
  }
}

async function run(
  request: PredictionRequest,
  model: TrainedModel,
  job: PredictionJob,
  device: Device,
): Promise<Prediction> {
  const { config, output, raw, say } = request
  const { head, subjects } = job
  const outputs: readonly RawName[] = raw ? RAW_NAMES : ['presence_probs', ...volumeNames(head)]
  const most = head.overlap === undefined ? subjects.count * head.flips.length : Number.POSITIVE_INFINITY
  const wanted = Math.min(config.training.batch_size, most)
  const choice = knownChoice(device, config, say)
  const engine = await InferenceEngine.openFitting(device, model, wanted, recorderFor(outputs), say, {
    choice,
    isPinned: config.training.pin_memory,
  })
  const results = new StagedResults(output)
  try {
    say(`adapter   ${device.name}`)
    say(`memory    ${formatBytes(totalOf(engine.need))} at batch size ${engine.batchSize}`)
    const files = await PredictionFiles.create(
      results,
      head,
      await filesFor(request, job, results),
      raw ? model.shape : undefined,
    )
    try {
      await predictAll(request, model, job, engine, files, results)
      return reportOf(head, files, await files.finish())
    } catch (error) {
      files.abandon()
      throw error
    }
  } finally {
    results.abandon()
    engine.destroy()
  }
}

async function filesFor(
  { probabilities = false, say }: PredictionRequest,
  { head, subjects, folders }: PredictionJob,
  results: StagedResults,
): Promise<SubjectFiles> {
  const options = { ...head, hasProbabilities: probabilities }
  return folders
    ? new ScanResults(results, folders, options, say)
    : Hdf5Results.create(results, subjects.imageSize!, options)
}

function recorderFor(names: readonly RawName[]): Recorder<RawName> {
  return (state, batch) => {
    const { calls, outputs } = recordPrediction(state, batch)
    return { calls, outputs: Object.fromEntries(names.map(name => [name, outputs[name]])) as Record<RawName, Tensor> }
  }
}

async function predictAll(
  { raw, progress }: PredictionRequest,
  model: TrainedModel,
  { subjects, head }: PredictionJob,
  engine: InferenceEngine<RawName>,
  files: PredictionFiles,
  results: StagedResults,
): Promise<void> {
  const { structures, inChannels } = model.shape
  const window: ImageSize = [...model.shape.size]
  const aggregator = new Aggregator({
    structures,
    window,
    names: volumeNames(head),
    partners: mirrorPartners(head.structureNames),
    flips: head.flips.length,
    scratch: name => results.scratch(name),
    memoryLimit: MEMORY_LIMIT,
  })
  const plan = { window, channels: inChannels, overlap: head.overlap ?? 0, flips: head.flips }
  const use = (outputs: RawOutputs, { passes }: ModelInputBatch): void => {
    for (const [i, pass] of passes.entries()) {
      const own = passOf(outputs, i, engine.batchSize)
      const prediction = aggregator.add(pass, own)
      if (raw) files.appendRaw(own)
      if (!prediction) continue
      files.append(pass.subject, prediction)
      progress(files.subjects.length, subjects.count)
    }
  }
  try {
    await engine.runAll(passesOf(subjects, plan, engine.batchSize), use)
  } finally {
    aggregator.close()
  }
  const priors = model.weights.get('attention_module.position_embeddings')!
  if (raw) files.writePriors(Float32Array.from(priors.data as ArrayLike<number>))
}

/** Pass `i` of the outputs of a batch. */
function passOf(outputs: RawOutputs, i: number, batchSize: number): RawOutputs {
  const entries = Object.entries(outputs).map(([name, values]) => {
    const length = values.length / batchSize
    return [name, values.subarray(i * length, (i + 1) * length)]
  })
  return Object.fromEntries(entries) as RawOutputs
}

function reportOf(
  { structureNames, presenceThreshold }: PredictionHead,
  { subjects }: PredictionFiles,
  files: string[],
): Prediction {
  const present = structureNames.map((name, s): [string, number] => [
    name,
    subjects.filter(({ rows }) => rows[s]!.present).length,
  ])
  return {
    samples: subjects.length,
    presence_threshold: presenceThreshold,
    files,
    present: Object.fromEntries(present),
    found: samplesOf(subjects, structureNames),
  }
}

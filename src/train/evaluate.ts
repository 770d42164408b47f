import { join } from 'node:path'
import { writeAtomically } from '../checkpoint/file.ts'
import type { Config } from '../config/schema.ts'
import { openDataset, type Split, type SplitName } from '../data/dataset.ts'
import type { Decoders } from '../data/decoders.ts'
import { Loader } from '../data/loader.ts'
import { Device } from '../gpu/device.ts'
import type { DetailedMetrics } from '../report/detailed_metrics.ts'
import { evaluationReport } from '../report/evaluation_report.ts'
import { InputError } from '../util/error.ts'
import { InferenceEngine, type Recorder } from './inference.ts'
import { formatBytes, totalOf } from './memory.ts'
import { Metrics } from './metrics.ts'
import { withOutputFolder } from './output_folder.ts'
import { recordEvaluation } from './recording.ts'
import { decodersFor, wantedAdapter } from './session.ts'
import { openTrainedModel, presenceThresholdFor, type TrainedModel } from './trained_model.ts'
import { knownChoice } from './variants.ts'

export interface EvaluationRequest {
  config: Config
  /** wins over the one that the model was trained with */
  presenceThreshold?: number
  /** path of .pth or safetensors */
  weights: string
  dataset: string
  split: SplitName
  /** folder that the results go to */
  output: string
  /** gets the lines a user wants to see */
  say(line: string): void
  progress(samples: number, all: number): void
}

export interface Evaluation {
  metrics: DetailedMetrics
  samples: number
  /** detailed_metrics.json and evaluation_report.txt */
  files: { metrics: string; report: string }
}

/**
 * The whole of `evaluate`: the model over one split, its figures into detailed_metrics.json and evaluation_report.txt. Throws
 * InputError when weights and dataset do not fit each other; nothing is written then.
 */
export async function evaluate(request: EvaluationRequest): Promise<Evaluation> {
  const model = openTrainedModel(request.weights)
  const { split, structureNames } = await openSplitFor(model, request)
  const device = await Device.open(wantedAdapter(request.config))
  try {
    return await withOutputFolder(request.output, async () => {
      const metrics = await measure(request, model, split, structureNames, device)
      return write(request, model, metrics)
    })
  } finally {
    device.close()
  }
}

/** The split to evaluate on, and the structures' names: the dataset's, whose order its masks have. */
async function openSplitFor(
  model: TrainedModel,
  { dataset: directory, split: name, say }: EvaluationRequest,
): Promise<{ split: Split; structureNames: string[] }> {
  const dataset = await openDataset(directory)
  const split = dataset.splits[name]
  if (!split) throw new InputError(`${join(directory, `${name}.h5`)}: no such file, expected the split to evaluate`)
  const { inChannels, structures, size } = model.shape
  if (dataset.channels !== inChannels)
    throw new InputError(`${split.path}: images have ${dataset.channels} channels, ${model.path} reads ${inChannels}`)
  if (split.structures !== structures)
    throw new InputError(`${split.path}: masks have ${split.structures} structures, ${model.path} has ${structures}`)
  const other = model.structureNames?.findIndex((each, s) => each !== dataset.structureNames[s]) ?? -1
  if (other >= 0)
    say(
      `warning: structure ${other} is ${dataset.structureNames[other]} in ${directory}, the model was trained on ${model.structureNames![other]}`,
    )
  if (dataset.imageSize.join() !== size.join())
    say(
      `samples are resampled from ${dataset.imageSize.join('×')} to the model's ${size.join('×')} (trilinear images, nearest masks)`,
    )
  return { split, structureNames: dataset.structureNames }
}

async function measure(
  request: EvaluationRequest,
  model: TrainedModel,
  split: Split,
  structureNames: readonly string[],
  device: Device,
): Promise<Metrics> {
  const { config, say, progress } = request
  const wanted = Math.min(config.training.batch_size, split.samples)
  const choice = knownChoice(device, config, say)
  const engine = await InferenceEngine.openFitting(device, model, wanted, recorderFor(config), say, {
    choice,
    isPinned: config.training.pin_memory,
  })
  say(`adapter   ${device.name}`)
  say(`memory    ${formatBytes(totalOf(engine.need))} at batch size ${engine.batchSize}`)
  const metrics = new Metrics(structureNames, presenceThresholdFor(model, request))
  const decoders = decodersFor(config, engine.batchSize)
  try {
    const loader = loaderFor(split, model, engine.batchSize, decoders)
    await engine.runAll(loader.epoch(0), (outputs, { presence, scenarios }) => {
      metrics.add({ ...outputs, presence }, scenarios)
      progress(metrics.samples, split.samples)
    })
    return metrics
  } finally {
    await decoders.close()
    engine.destroy()
  }
}

/** The loss's sums over each pair's voxels are all that segmentation figures need: no mask leaves the GPU. */
function recorderFor(config: Config): Recorder<'pairs' | 'presenceProbability'> {
  // f16 is for training: what a model is worth is told as exactly as its weights are
  const exact = { ...config, compute: { ...config.compute, precision: 'f32' as const } }
  return (state, batch) => {
    const { calls, outputs } = recordEvaluation(state, batch, exact)
    return { calls, outputs: { pairs: outputs.pairs, presenceProbability: outputs.presenceProbability } }
  }
}

function loaderFor(split: Split, { shape }: TrainedModel, batchSize: number, decoders: Decoders): Loader {
  const { structures, size } = shape
  return new Loader({
    split,
    decoders,
    structures,
    batchSize,
    order: 'sequential',
    seed: 0,
    imageSize: [...size],
    dropLast: false,
  })
}

function write(request: EvaluationRequest, model: TrainedModel, found: Metrics): Evaluation {
  const { dataset, split, output } = request
  const metrics = found.detailed()
  const files = { metrics: join(output, 'detailed_metrics.json'), report: join(output, 'evaluation_report.txt') }
  const head = {
    weights: model.path,
    dataset,
    split,
    samples: found.samples,
    size: model.shape.size,
    presenceThreshold: presenceThresholdFor(model, request),
  }
  writeAtomically(files.metrics, [Buffer.from(`${JSON.stringify(metrics, null, 2)}\n`)])
  writeAtomically(files.report, [Buffer.from(evaluationReport(head, metrics))])
  return { metrics, samples: found.samples, files }
}

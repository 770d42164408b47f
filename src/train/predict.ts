import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/schema.ts'
import { openDataset, type SplitName } from '../data/dataset.ts'
import { Device } from '../gpu/device.ts'
import type { Tensor } from '../graph/tensor.ts'
import { InputError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'
import { InferenceEngine, type Recorder } from './inference.ts'
import { hdf5Masks, type MaskFiles, niftiMasks } from './mask_files.ts'
import { MaskMaker } from './masks.ts'
import { formatBytes, totalOf } from './memory.ts'
import { withOutputFolder } from './output_folder.ts'
import { PredictionFiles, type PredictionHead, RAW_NAMES, type RawName, type RawOutputs } from './prediction_files.ts'
import { recordPrediction } from './recording.ts'
import { openScans, type Scans } from './scans.ts'
import { wantedAdapter } from './session.ts'
import { openTrainedModel, presenceThresholdFor, structureNamesOf, type TrainedModel } from './trained_model.ts'
import { knownChoice } from './variants.ts'

export interface PredictionRequest {
  config: Config
  /** wins over the one that the model was trained with */
  presenceThreshold?: number
  /** path of .pth or safetensors */
  weights: string
  /** an HDF5 file with images, a NIfTI scan, or a dataset's directory */
  input: string
  /** of a dataset's directory */
  split: SplitName
  /** folder that the results go to */
  output: string
  /** also write every output of the model */
  raw: boolean
  /** gets the lines a user wants to see */
  say(line: string): void
  progress(samples: number, all: number): void
}

export interface Prediction {
  samples: number
  files: string[]
  /** samples in which each structure was held to be present, by its name */
  present: Record<string, number>
}

/**
 * The whole of `predict`: masks_s = [p_s > 0.5]·[q_s > presence_threshold] on the input's grid (NIfTI in, NIfTI out), a presence table,
 * and with `raw` every output. Throws InputError when the input cannot be read or does not fit the model; nothing is left written then.
 */
export async function predict(request: PredictionRequest): Promise<Prediction> {
  const model = openTrainedModel(request.weights)
  const { path, structureNames } = await locate(request)
  const scans = await openScans(path, [...model.shape.size])
  try {
    checkFit(scans, model)
    if (scans.imageSize.join() !== model.shape.size.join())
      request.say(
        `images are resampled from ${scans.imageSize.join('×')} to the model's ${model.shape.size.join('×')}, masks back again`,
      )
    const head = {
      weights: model.path,
      input: path,
      structureNames: structureNamesOf(model, structureNames),
      presenceThreshold: presenceThresholdFor(model, request),
    }
    const device = await Device.open(wantedAdapter(request.config))
    try {
      return await withOutputFolder(request.output, () => run(request, model, scans, head, device))
    } finally {
      device.close()
    }
  } finally {
    scans.close()
  }
}

/** The file to read images from; a dataset also names its structures. */
async function locate({ input, split: name }: PredictionRequest): Promise<{ path: string; structureNames?: string[] }> {
  if (!statSync(input, { throwIfNoEntry: false })?.isDirectory()) return { path: input }
  const { splits, structureNames } = await openDataset(input)
  const split = splits[name]
  if (!split) throw new InputError(`${join(input, `${name}.h5`)}: no such file, expected the split to predict`)
  return { path: split.path, structureNames }
}

function checkFit({ channels, path: input }: Scans, { shape, path }: TrainedModel): void {
  if (channels !== shape.inChannels)
    throw new InputError(`${input}: images have ${channels} channels, ${path} reads ${shape.inChannels}`)
}

async function run(
  request: PredictionRequest,
  model: TrainedModel,
  scans: Scans,
  head: PredictionHead,
  device: Device,
): Promise<Prediction> {
  const { config, output, raw, say } = request
  const { samples } = scans
  const wanted = Math.min(config.training.batch_size, samples)
  const names: readonly RawName[] = raw ? RAW_NAMES : ['presence_probs', 'segmentation_probs']
  const choice = knownChoice(device, config, say)
  const engine = await InferenceEngine.openFitting(device, model, wanted, recorderFor(names), say, {
    choice,
    isPinned: config.training.pin_memory,
  })
  try {
    say(`adapter   ${device.name}`)
    say(`memory    ${formatBytes(totalOf(engine.need))} at batch size ${engine.batchSize}`)
    const files = await PredictionFiles.create(
      output,
      head,
      await masksFor(scans, output, head),
      raw ? model.shape : undefined,
    )
    try {
      const present = await predictAll(request, model, scans, head, engine, files)
      return { samples, files: await files.finish(), present }
    } catch (error) {
      files.abandon()
      throw error
    }
  } finally {
    engine.destroy()
  }
}

async function masksFor(
  { nifti, imageSize }: Scans,
  folder: string,
  { structureNames }: PredictionHead,
): Promise<MaskFiles> {
  return nifti ? niftiMasks(folder, structureNames, nifti) : hdf5Masks(folder, structureNames.length, imageSize)
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
  scans: Scans,
  { structureNames, presenceThreshold }: PredictionHead,
  engine: InferenceEngine<RawName>,
  files: PredictionFiles,
): Promise<Record<string, number>> {
  const maker = new MaskMaker([...model.shape.size], scans.imageSize)
  const voxels = sizeOf(model.shape.size)
  const counts = structureNames.map(() => 0)
  let done = 0
  await engine.runAll(batchesOf(scans, model, engine.batchSize), (outputs, { count }) => {
    for (let i = 0; i < count; i++) {
      const sample = sampleOf(outputs, i, engine.batchSize)
      files.append(s => {
        const probability = sample.presence_probs[s]!
        const present = probability > presenceThreshold
        counts[s]! += Number(present)
        const made = maker.make(sample.segmentation_probs.subarray(s * voxels, (s + 1) * voxels), present)
        return { mask: made.mask, row: { probability, present, voxels: made.voxels } }
      })
      if (raw) files.appendRaw(sample)
      progress(++done, scans.samples)
    }
  })
  const priors = model.weights.get('attention_module.position_embeddings')!
  if (raw) files.writePriors(Float32Array.from(priors.data as ArrayLike<number>))
  return Object.fromEntries(structureNames.map((name, s) => [name, counts[s]!]))
}

/** Sample `i` of the outputs of a batch. */
function sampleOf(outputs: RawOutputs, i: number, batchSize: number): RawOutputs {
  const entries = Object.entries(outputs).map(([name, values]) => {
    const length = values.length / batchSize
    return [name, values.subarray(i * length, (i + 1) * length)]
  })
  return Object.fromEntries(entries) as RawOutputs
}

/** All images in order; the last batch is padded with zeros. The array is used again for the next batch. */
async function* batchesOf(
  scans: Scans,
  { shape }: TrainedModel,
  batchSize: number,
): AsyncGenerator<{ images: Float32Array; count: number }> {
  const length = shape.inChannels * sizeOf(shape.size)
  const images = new Float32Array(batchSize * length)
  for (let first = 0; first < scans.samples; first += batchSize) {
    const count = Math.min(batchSize, scans.samples - first)
    for (let i = 0; i < count; i++) scans.read(first + i, images.subarray(i * length, (i + 1) * length))
    images.fill(0, count * length)
    yield { images, count }
  }
}

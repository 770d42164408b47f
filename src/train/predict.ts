import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/schema.ts'
import { openDataset, type SplitName } from '../data/dataset.ts'
import { Hdf5File } from '../data/hdf5_file.ts'
import { ImageReader } from '../data/image_reader.ts'
import { Device } from '../gpu/device.ts'
import type { Tensor } from '../graph/tensor.ts'
import { InputError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'
import { InferenceEngine, type Recorder } from './inference.ts'
import { type MaskOutputs, SampleMasks } from './masks.ts'
import { formatBytes, totalOf } from './memory.ts'
import { withOutputFolder } from './output_folder.ts'
import { PredictionFiles, type PredictionHead, RAW_NAMES, type RawName, type RawOutputs } from './prediction_files.ts'
import { recordPrediction } from './recording.ts'
import { wantedAdapter } from './session.ts'
import { openTrainedModel, structureNamesOf, type TrainedModel } from './trained_model.ts'

export interface PredictionRequest {
  config: Config
  /** path of .pth or safetensors */
  weights: string
  /** an HDF5 file with images, or a dataset's directory */
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
 * The whole of `predict`: masks_s = [p_s > 0.5]·[q_s > presence_threshold] on the input's grid, a presence table, and with `raw` every
 * output. Throws InputError when the input cannot be read or does not fit the model; nothing is left written then.
 */
export async function predict(request: PredictionRequest): Promise<Prediction> {
  const model = openTrainedModel(request.weights)
  const { path, structureNames } = await locate(request)
  const file = await Hdf5File.open(path)
  try {
    const reader = new ImageReader(file, [...model.shape.size])
    checkFit(reader, model, path)
    if (reader.isResampled)
      request.say(
        `images are resampled from ${reader.stored.imageSize.join('×')} to the model's ${model.shape.size.join('×')}, masks back again`,
      )
    const head = {
      weights: model.path,
      input: path,
      structureNames: structureNamesOf(model, structureNames),
      presenceThreshold: request.config.model.presence_threshold,
    }
    const device = await Device.open(wantedAdapter(request.config))
    try {
      return await withOutputFolder(request.output, () => run(request, model, reader, head, device))
    } finally {
      device.close()
    }
  } finally {
    file.close()
  }
}

/** The file to read images from; a dataset also names its structures. */
async function locate({ input, split: name }: PredictionRequest): Promise<{ path: string; structureNames?: string[] }> {
  if (/\.nii(\.gz)?$/i.test(input))
    throw new InputError(
      `${input}: NIfTI is not read here, expected HDF5; sadaan-gpu import makes a dataset of NIfTI scans`,
    )
  if (!statSync(input, { throwIfNoEntry: false })?.isDirectory()) return { path: input }
  const { splits, structureNames } = await openDataset(input)
  const split = splits[name]
  if (!split) throw new InputError(`${join(input, `${name}.h5`)}: no such file, expected the split to predict`)
  return { path: split.path, structureNames }
}

function checkFit({ stored }: ImageReader, { shape, path }: TrainedModel, input: string): void {
  if (stored.channels !== shape.inChannels)
    throw new InputError(`${input}: images have ${stored.channels} channels, ${path} reads ${shape.inChannels}`)
}

async function run(
  request: PredictionRequest,
  model: TrainedModel,
  reader: ImageReader,
  head: PredictionHead,
  device: Device,
): Promise<Prediction> {
  const { config, output, raw, say } = request
  const { samples, imageSize } = reader.stored
  const wanted = Math.min(config.training.batch_size, samples)
  const names: readonly RawName[] = raw ? RAW_NAMES : ['presence_probs', 'segmentation_probs']
  const engine = await InferenceEngine.openFitting(device, model, wanted, recorderFor(names), say)
  try {
    say(`adapter   ${device.name}`)
    say(`memory    ${formatBytes(totalOf(engine.need))} at batch size ${engine.batchSize}`)
    const files = await PredictionFiles.create(output, head, imageSize, raw ? model.shape : undefined)
    try {
      const present = await predictAll(request, model, reader, head, engine, files)
      return { samples, files: await files.finish(), present }
    } catch (error) {
      files.abandon()
      throw error
    }
  } finally {
    engine.destroy()
  }
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
  reader: ImageReader,
  { structureNames, presenceThreshold }: PredictionHead,
  engine: InferenceEngine<RawName>,
  files: PredictionFiles,
): Promise<Record<string, number>> {
  const { imageSize, samples } = reader.stored
  const toMasks = new SampleMasks([...model.shape.size], imageSize, presenceThreshold)
  const counts = structureNames.map(() => 0)
  let done = 0
  await engine.runAll(batchesOf(reader, engine.batchSize), (outputs, { count }) => {
    for (let i = 0; i < count; i++) {
      const sample = sampleOf(outputs, i, engine.batchSize)
      const { masks, rows } = toMasks.of(sample)
      files.append(masks, rows)
      if (raw) files.appendRaw(sample as RawOutputs)
      rows.forEach(({ present }, s) => {
        counts[s]! += Number(present)
      })
    }
    done += count
    progress(done, samples)
  })
  const priors = model.weights.get('attention_module.position_embeddings')!
  if (raw) files.writePriors(Float32Array.from(priors.data as ArrayLike<number>))
  return Object.fromEntries(structureNames.map((name, s) => [name, counts[s]!]))
}

/** Sample `i` of the outputs of a batch. */
function sampleOf(outputs: Partial<RawOutputs>, i: number, batchSize: number): MaskOutputs & Partial<RawOutputs> {
  const entries = Object.entries(outputs).map(([name, values]) => {
    const length = values.length / batchSize
    return [name, values.subarray(i * length, (i + 1) * length)]
  })
  return Object.fromEntries(entries) as MaskOutputs
}

/** All images in order; the last batch is padded with zeros. The array is used again for the next batch. */
async function* batchesOf(
  reader: ImageReader,
  batchSize: number,
): AsyncGenerator<{ images: Float32Array; count: number }> {
  const { samples, channels } = reader.stored
  const length = channels * sizeOf(reader.size)
  const images = new Float32Array(batchSize * length)
  for (let first = 0; first < samples; first += batchSize) {
    const count = Math.min(batchSize, samples - first)
    for (let i = 0; i < count; i++) reader.read(first + i, images.subarray(i * length, (i + 1) * length))
    images.fill(0, count * length)
    yield { images, count }
  }
}

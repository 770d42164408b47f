import { existsSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { type Checkpoint, readCheckpoint } from '../checkpoint/checkpoint.ts'
import { isHdf5 } from '../data/hdf5/signature.ts'
import { type DatasetInspection, inspectDataset } from '../data/inspect/dataset.ts'
import { type Hdf5Inspection, inspectHdf5 } from '../data/inspect/hdf5.ts'
import { inspectScan, type ScanInspection } from '../data/inspect/scan.ts'
import type { Preparation } from '../data/scan/preparation.ts'
import { isScan } from '../data/scan/read_scan.ts'
import type { ScanRanges } from '../data/scan/scan_ranges.ts'
import type { ModelCard } from '../models/card.ts'
import { modelNamed } from '../models/registry.ts'
import { featuresOf } from '../nn/specification.ts'
import { openTrainedModel } from '../run/open_model.ts'
import { faultsOf } from '../run/weight_faults.ts'
import type { DataFingerprint } from '../train/data_fingerprint.ts'
import { readProgressSummary } from '../train/progress.ts'
import { InputError } from '../util/error.ts'
import { withInput } from '../util/files/input_file.ts'
import { factsOf } from '../util/files/lookup.ts'
import { sizeOf } from '../util/shape.ts'

/** The content of a file with model weights. */
export interface ModelInspection {
  kind: 'checkpoint' | 'weights'
  path: string
  bytes: number
  /** null if the file has none */
  structure_names: string[] | null
  structures: number
  /** voxels along (H, W, D) */
  image_size: number[]
  in_channels: number
  /** of the encoder's five levels */
  channels: number[]
  /** channels of the feature map, the head's input */
  features: number
  parameters: number
  presence_threshold: number | null
  patches: boolean
  channel_names: string[] | null
  preparation: Preparation | null
  /** what the training scans looked like before they were prepared */
  training_scans: ScanRanges | null
  /** which tensors have values that are not finite, or negative variances; other commands refuse such a model */
  faults: string[]
  /** of a shipped model */
  card: ModelCard | null
  /** only for checkpoints */
  training: TrainingInspection | null
}

export interface TrainingInspection {
  /** finished epochs */
  epochs: number
  /** whether it is the best model so far */
  is_best: boolean
  /** whether its weights are a moving average */
  is_averaged: boolean
  /** total loss of the last epoch */
  train_loss: number | null
  val_loss: number | null
  /** whether training can resume from it */
  can_resume: boolean
  /** id of the run that wrote it */
  run: number | null
  /** the dataset, if recorded */
  data: DataFingerprint | null
}

export type Inspection = DatasetInspection | ({ kind: 'hdf5' } & Hdf5Inspection) | ModelInspection | ScanInspection

const EXPECTED = "expected a dataset's folder, an HDF5 file, a checkpoint (.pth, .pt, .safetensors) or a scan"

/** Describes a folder or file by its content, or the model of that name. Throws InputError if it is unknown or damaged. */
export async function inspect(given: string): Promise<Inspection> {
  const path = factsOf(given) ? given : (modelNamed(given) ?? given)
  const status = factsOf(path)
  if (!status) throw new InputError(`${path}: no such file or directory, ${EXPECTED}`)
  if (status.isDirectory() && existsSync(join(path, 'metadata.json'))) return inspectDataset(path)
  if (isScan(path)) return inspectScan(path)
  if (status.isDirectory()) throw new InputError(`${path}: has no metadata.json, ${EXPECTED}`)
  const start = startOf(path)
  const isZip = start.toString('latin1', 0, 2) === 'PK'
  const isSafetensors = start[8] === 0x7b // the header follows its length
  if (isZip || isSafetensors) return inspectModel(path, status.size)
  if (isHdf5(path)) return { kind: 'hdf5', ...(await inspectHdf5(path)) }
  throw new InputError(`${path}: unknown file format, ${EXPECTED}`)
}

function startOf(path: string): Buffer {
  const start = Buffer.alloc(16)
  withInput(path, file => readSync(file, start, 0, start.length, 0))
  return start
}

function inspectModel(path: string, bytes: number): ModelInspection {
  const model = openTrainedModel(path)
  const training = trainingOf(path)
  const faults = faultsOf(
    [...model.weights].flatMap(([name, { dtype, data }]) => (dtype === 'i64' ? [] : [[name, data] as const])),
  )
  const { structures, size, inChannels, channels } = model.shape
  return {
    kind: training ? 'checkpoint' : 'weights',
    path,
    bytes,
    structure_names: model.structureNames ? [...model.structureNames] : null,
    structures,
    image_size: [...size],
    in_channels: inChannels,
    channels: [...channels],
    features: featuresOf(model.shape),
    parameters: [...model.weights]
      .filter(([name]) => !BUFFER.test(name))
      .reduce((sum, [, t]) => sum + sizeOf(t.shape), 0),
    presence_threshold: model.presenceThreshold ?? null,
    patches: model.patches,
    channel_names: model.channelNames ? [...model.channelNames] : null,
    preparation: model.preparation ?? null,
    training_scans: model.trainingScans ?? null,
    faults,
    card: model.card ?? null,
    training: training && { ...training, can_resume: training.can_resume && faults.length === 0 },
  }
}

/** Entries of a state_dict that are not parameters. */
const BUFFER = /\.(running_mean|running_var|num_batches_tracked)$/

/** Null if the file has weights but is no training checkpoint. */
function trainingOf(path: string): TrainingInspection | null {
  const checkpoint = checkpointAt(path)
  if (!checkpoint) return null
  const { epoch, isBest, live, optimizer, trainLossHistory, valLossHistory, sadaan = {} } = checkpoint
  const { position, run, data } = readProgressSummary(sadaan, path)
  return {
    epochs: position?.epoch ?? epoch + 1,
    is_best: isBest,
    is_averaged: live !== undefined,
    train_loss: trainLossHistory.at(-1) ?? null,
    val_loss: valLossHistory.at(-1) ?? null,
    can_resume: optimizer !== undefined,
    run: run ?? null,
    data: data ?? null,
  }
}

function checkpointAt(path: string): Checkpoint | undefined {
  try {
    return readCheckpoint(path)
  } catch (error) {
    if (error instanceof InputError) return undefined
    throw error
  }
}

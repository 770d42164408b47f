import { InputError } from '../util/error.ts'
import { readWhole, writeWhole } from '../util/whole_file.ts'
import { Fields, type Json, pyOf, recordOf } from './fields.ts'
import type { TorchTensor } from './pickle/torch_tensor.ts'
import { isTensor, PyFloat, type PyValue } from './pickle/value.ts'
import { parsePth } from './pth.ts'
import { encodePth } from './pth_file.ts'
import { readStateDict, stateDict } from './state_dict.ts'
import { type OptimizerState, optimizerDict, readOptimizer } from './torch_optimizer.ts'

/** A training checkpoint of SADAAN. The file has the original's keys; ours are under 'sadaan_gpu'. */
export interface Checkpoint {
  /** the finished epoch, from 0 */
  epoch: number
  /** model_state_dict: parameters and buffers by PyTorch name, in file order */
  model: Map<string, TorchTensor>
  /** if the model is a moving average: the weights that training goes on with, under the same names */
  live?: Map<string, TorchTensor>
  optimizer?: OptimizerState
  /** state_dict() of torch's scheduler; null if the learning rate is constant */
  scheduler?: Record<string, Json> | null
  structureNames: string[]
  isBest: boolean
  /** total loss of the last epochs */
  trainLossHistory: number[]
  valLossHistory: number[]
  /** additions to the original: state to resume from, configuration, chosen kernels */
  sadaan?: Record<string, Json | TorchTensor>
}

/** The key of `live`, under 'sadaan_gpu'. */
const LIVE = 'live_state_dict'

/**
 * Reads a checkpoint written by torch.save or by writeCheckpoint. Unknown keys are ignored.
 * Throws InputError with the path, the entry and what was expected.
 */
export function readCheckpoint(path: string): Checkpoint {
  return parseCheckpoint(readWhole(path), path)
}

/** As readCheckpoint, from bytes; `path` is where they come from. */
export function parseCheckpoint(bytes: Uint8Array, path: string): Checkpoint {
  const value = parsePth(bytes, path)
  if (!(value instanceof Map) || !value.has('model_state_dict')) {
    throw new InputError(`${path}: no model_state_dict, expected a training checkpoint`)
  }
  const fields = new Fields(value, path)
  const epoch = fields.number('epoch')
  if (!Number.isSafeInteger(epoch) || epoch < 0) throw new InputError(`${path}: epoch is ${epoch}, expected 0, 1, …`)
  const optimizer = fields.value('optimizer_state_dict') ?? null
  const scheduler = fields.value('scheduler_state_dict') ?? null
  const own = fields.has('sadaan_gpu') ? new Map(fields.dict('sadaan_gpu').entries) : undefined
  const live = own?.get(LIVE) ?? null
  own?.delete(LIVE)
  return {
    epoch,
    model: readStateDict(fields.value('model_state_dict'), `${path}: model_state_dict`),
    ...(live === null ? {} : { live: readStateDict(live, `${path}: sadaan_gpu: ${LIVE}`) }),
    ...(optimizer === null ? {} : { optimizer: readOptimizer(optimizer, `${path}: optimizer_state_dict`) }),
    scheduler: scheduler === null ? null : readScheduler(scheduler, `${path}: scheduler_state_dict`),
    structureNames: fields.strings('structure_names'),
    isBest: fields.boolean('is_best'),
    trainLossHistory: fields.numbers('train_loss_history'),
    valLossHistory: fields.numbers('val_loss_history'),
    ...(own ? { sadaan: recordOf(own, `${path}: sadaan_gpu`) } : {}),
  }
}

function readScheduler(value: PyValue, where: string): Record<string, Json> {
  const record = recordOf(value, where)
  for (const [key, item] of Object.entries(record)) {
    if (isTensor(item)) throw new InputError(`${where}: ${key} is a tensor, expected numbers and strings`)
  }
  return record as Record<string, Json>
}

/** Writes a checkpoint that torch.load can open. Atomic: after an error the file is unchanged. Throws WriteError. */
export function writeCheckpoint(path: string, checkpoint: Checkpoint): void {
  writeCopies([path], checkpoint)
}

/** Writes the checkpoint to each path, in order. Throws WriteError; the file that failed and those after it are then unchanged. */
export function writeCopies(paths: readonly string[], checkpoint: Checkpoint): void {
  const pieces = encodeCheckpoint(checkpoint)
  for (const path of paths) writeWhole(path, pieces)
}

function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array[] {
  const floats = (values: number[]): PyValue => values.map(value => new PyFloat(value))
  const dict = new Map<string, PyValue>([
    ['epoch', checkpoint.epoch],
    ['model_state_dict', stateDict(checkpoint.model)],
    ['optimizer_state_dict', checkpoint.optimizer ? optimizerDict(checkpoint.optimizer) : null],
    ['scheduler_state_dict', pyOf(checkpoint.scheduler ?? null)],
    ['structure_names', checkpoint.structureNames],
    ['is_best', checkpoint.isBest],
    ['train_loss_history', floats(checkpoint.trainLossHistory)],
    ['val_loss_history', floats(checkpoint.valLossHistory)],
  ])
  const own = Object.entries(checkpoint.sadaan ?? {}).map(([k, v]): [string, PyValue] => [k, pyOf(v)])
  if (checkpoint.live) own.push([LIVE, stateDict(checkpoint.live)])
  if (own.length > 0) dict.set('sadaan_gpu', new Map(own))
  return encodePth(dict)
}

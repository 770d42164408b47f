import { InputError } from '../util/error.ts'
import { Fields, type Json, recordOf } from './fields.ts'
import { factsIn, type ModelFacts, NO_FACTS } from './model_facts.ts'
import type { TorchTensor } from './pickle/torch_tensor.ts'
import { parsePth } from './pth.ts'
import { parseSafetensors } from './safetensors.ts'
import { readStateDict } from './state_dict.ts'

/** The model in a file, whatever else the file holds. */
export interface ModelFile extends ModelFacts {
  /** parameters and buffers by name */
  tensors: Map<string, TorchTensor>
}

/**
 * The model in the bytes of a training checkpoint, a bare state_dict (.pth) or a safetensors file; the content decides which. Throws InputError
 * with `path`, where the bytes come from.
 */
export function parseModelFile(bytes: Uint8Array, path: string): ModelFile {
  // A safetensors header begins at byte 8 with `{`.
  const isSafetensors = bytes[8] === 0x7b && !(bytes[0] === 0x50 && bytes[1] === 0x4b)
  const model = isSafetensors ? readSafe(bytes, path) : readTorch(bytes, path)
  if (model.tensors.size === 0) throw new InputError(`${path}: contains no tensors`)
  return model
}

function readSafe(bytes: Uint8Array, path: string): ModelFile {
  const { tensors, metadata } = parseSafetensors(bytes, path)
  return { tensors, ...factsIn(metadata, path) }
}

function readTorch(bytes: Uint8Array, path: string): ModelFile {
  const value = parsePth(bytes, path)
  const model = value instanceof Map ? value.get('model_state_dict') : undefined
  if (model === undefined) return { ...NO_FACTS, tensors: readStateDict(value, path) }
  const fields = new Fields(value, path)
  const own = fields.has('sadaan_gpu') ? fields.dict('sadaan_gpu') : undefined
  const facts = own?.has('model') ? factsIn(textsIn(own.dict('model')), path) : factsOfTraining(own, path)
  return {
    tensors: readStateDict(model, `${path}: model_state_dict`),
    ...facts,
    ...(fields.has('structure_names') ? { structureNames: fields.strings('structure_names') } : {}),
  }
}

function textsIn(model: Fields): Record<string, string> {
  return Object.fromEntries(model.entries.map(([name]) => [name, model.text(String(name))]))
}

/** The facts in a checkpoint written by a training. */
function factsOfTraining(own: Fields | undefined, path: string): ModelFacts {
  if (!own) return NO_FACTS
  return {
    structureNames: undefined,
    channelNames: own.has('channel_names') ? own.strings('channel_names') : undefined,
    presenceThreshold: thresholdIn(own),
    preparation: objectIn(own, 'preparation', path),
    trainingScans: objectIn(own, 'training_scans', path),
    patches: own.has('patches') && own.boolean('patches'),
    flipAxes: flipAxesIn(own),
    card: undefined,
  }
}

function objectIn(own: Fields, key: string, path: string): Json | undefined {
  return own.has(key) ? (recordOf(own.value(key), `${path}: ${key}`) as Json) : undefined
}

function thresholdIn(own: Fields): number | undefined {
  const config = own.has('config') ? own.dict('config') : undefined
  const model = config?.has('model') ? config.dict('model') : undefined
  return model?.has('presence_threshold') ? model.number('presence_threshold') : undefined
}

/** With `compat: reference`, training never flips, whatever `augmentation` says. */
function flipAxesIn(own: Fields): number[] | undefined {
  const config = own.has('config') ? own.dict('config') : undefined
  const augmentation = config?.has('augmentation') ? config.dict('augmentation') : undefined
  if (!config || !augmentation?.has('flip_axes')) return undefined
  const isFlipping =
    augmentation.value('enabled') !== false &&
    augmentation.value('flip_probability') !== 0 &&
    config.value('compat') !== 'reference'
  return isFlipping ? augmentation.numbers('flip_axes') : []
}

import { InputError } from '../util/error.ts'
import { readWhole } from '../util/whole_file.ts'
import { Fields, type Json, pyOf, recordOf } from './fields.ts'
import { factsIn, type ModelFacts, NO_FACTS, textsOf } from './model_facts.ts'
import type { TorchTensor } from './pickle/torch_tensor.ts'
import type { PyValue } from './pickle/value.ts'
import { encodePth, parsePth } from './pth.ts'
import { encodeSafetensors, parseSafetensors } from './safetensors.ts'
import { readStateDict, stateDict } from './state_dict.ts'

/** What a file says of a model, whatever else is in it. */
export interface ModelFile extends ModelFacts {
  /** parameters and buffers by name */
  tensors: Map<string, TorchTensor>
}

/**
 * The model in a training checkpoint, a bare state_dict (.pth) or a safetensors file, whichever it is by its content.
 * Throws InputError with the path.
 */
export function readModelFile(path: string): ModelFile {
  const bytes = readWhole(path)
  // Where the header of a safetensors file begins.
  const isSafetensors = bytes[8] === 0x7b && !(bytes[0] === 0x50 && bytes[1] === 0x4b)
  const model = isSafetensors ? readSafe(bytes, path) : readTorch(bytes, path)
  if (model.tensors.size === 0) throw new InputError(`${path}: no tensors in it`)
  return model
}

/** The parameters and buffers in a file, by name. Throws InputError as `readModelFile` does. */
export function readWeights(path: string): Map<string, TorchTensor> {
  return readModelFile(path).tensors
}

/**
 * The model as a safetensors file, what is known of it as texts under `__metadata__`. Returns the bytes in pieces, as
 * `encodeModelPth` does.
 */
export function encodeModelSafetensors({ tensors, ...facts }: ModelFile): Uint8Array[] {
  return encodeSafetensors({ tensors, metadata: { format: 'pt', ...textsOf(facts) } })
}

/**
 * The model as a checkpoint without a training: `model_state_dict`, `structure_names` as the original has them, and under `sadaan_gpu` the
 * same texts as in safetensors. There is no float in it, which torch 1.13 refuses with weights_only.
 */
export function encodeModelPth({ tensors, ...facts }: ModelFile): Uint8Array[] {
  const dict = new Map<string, PyValue>([['model_state_dict', stateDict(tensors)]])
  if (facts.structureNames) dict.set('structure_names', facts.structureNames)
  dict.set('sadaan_gpu', new Map([['model', pyOf(textsOf(facts))]]))
  return encodePth(dict)
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

/** Of a checkpoint that a training wrote. */
function factsOfTraining(own: Fields | undefined, path: string): ModelFacts {
  if (!own) return NO_FACTS
  return {
    structureNames: undefined,
    presenceThreshold: thresholdIn(own),
    preparation: own.has('preparation')
      ? (recordOf(own.value('preparation'), `${path}: preparation`) as Json)
      : undefined,
    patches: own.has('patches') && own.boolean('patches'),
    flipAxes: flipAxesIn(own),
  }
}

function thresholdIn(own: Fields): number | undefined {
  const config = own.has('config') ? own.dict('config') : undefined
  const model = config?.has('model') ? config.dict('model') : undefined
  return model?.has('presence_threshold') ? model.number('presence_threshold') : undefined
}

/** `compat: reference` never flips, whatever `augmentation` says. */
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

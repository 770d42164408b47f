import { InputError } from '../util/error.ts'
import { readWhole } from '../util/whole_file.ts'
import { Fields, type Json, pyOf, recordOf } from './fields.ts'
import { factsIn, type ModelFacts, NO_FACTS, textsOf } from './model_facts.ts'
import type { TorchTensor } from './pickle/torch_tensor.ts'
import type { PyValue } from './pickle/value.ts'
import { encodePth, parsePth } from './pth.ts'
import { encodeSafetensors, parseSafetensors } from './safetensors.ts'
import { readStateDict, stateDict } from './state_dict.ts'

/** The model in a file, whatever else the file holds. */
export interface ModelFile extends ModelFacts {
  /** parameters and buffers by name */
  tensors: Map<string, TorchTensor>
}

/**
 * Reads the model from a training checkpoint, a bare state_dict (.pth) or a safetensors file; the content decides which.
 * Throws InputError with the path.
 */
export function readModelFile(path: string): ModelFile {
  const bytes = readWhole(path, { expected: 'a model (.pth, .pt or .safetensors)' })
  // A safetensors header begins at byte 8 with `{`.
  const isSafetensors = bytes[8] === 0x7b && !(bytes[0] === 0x50 && bytes[1] === 0x4b)
  const model = isSafetensors ? readSafe(bytes, path) : readTorch(bytes, path)
  if (model.tensors.size === 0) throw new InputError(`${path}: contains no tensors`)
  return model
}

/** The parameters and buffers in a file, by name. Throws InputError like `readModelFile`. */
export function readWeights(path: string): Map<string, TorchTensor> {
  return readModelFile(path).tensors
}

/** Element types in which a safetensors file can hold a model. */
export const PRECISIONS = ['f32', 'f16'] as const
export type Precision = (typeof PRECISIONS)[number]

/** The largest number of f16. */
const LARGEST_HALF = 65504

/**
 * The bytes of the model as a safetensors file, in pieces. Its known facts are strings under `__metadata__`. Precision f16 halves tensors of
 * two or more axes; biases and batch norms, a hundredth of the bytes, stay f32: variances of raw intensities exceed f16. Throws InputError
 * with `source` for a weight beyond f16.
 */
export function encodeModelSafetensors(
  { tensors, ...facts }: ModelFile,
  { precision, source }: { precision: Precision; source: string },
): Uint8Array[] {
  const halved = precision === 'f16' ? halvedIn(tensors, source) : new Set<string>()
  return encodeSafetensors({ tensors, metadata: { format: 'pt', ...textsOf(facts) } }, halved)
}

function halvedIn(tensors: ModelFile['tensors'], source: string): Set<string> {
  const large = [...tensors].filter(([, { shape }]) => shape.length > 1)
  for (const [name, { data }] of large) {
    const beyond = (data as Float32Array).find(value => Math.abs(value) > LARGEST_HALF)
    if (beyond !== undefined)
      throw new InputError(
        `${source}: ${name} has a value of ${beyond}, expected at most ${LARGEST_HALF} for f16; use --precision f32`,
      )
  }
  return new Set(large.map(([name]) => name))
}

/**
 * The bytes of the model as a checkpoint without training state, in pieces: `model_state_dict` and `structure_names` as in the original, and
 * the strings of safetensors under `sadaan_gpu`. It holds no Python float, because torch 1.13 rejects floats with weights_only.
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

import { InputError } from '../util/error.ts'
import { Fields, type Json, recordOf } from './fields.ts'
import { readBytes } from './file.ts'
import { parsePth } from './pth.ts'
import { parseSafetensors } from './safetensors.ts'
import { readStateDict } from './state_dict.ts'
import type { TorchTensor } from './torch_tensor.ts'

/** What a file says of a model, whatever else is in it. */
export interface ModelFile {
  /** parameters and buffers by name */
  tensors: Map<string, TorchTensor>
  /** those of a training checkpoint; undefined where the file has none */
  structureNames: string[] | undefined
  /** model.presence_threshold that a checkpoint of this program was trained with */
  presenceThreshold: number | undefined
  /** how scans were brought to the model's frame, as the metadata.json of its dataset says; undefined where nothing does */
  preparation: Json | undefined
  /** that the samples of its dataset were patches of larger scans */
  patches: boolean
  /** axes that training flipped samples along; undefined where the file does not say */
  flipAxes: number[] | undefined
}

const UNKNOWN = {
  structureNames: undefined,
  presenceThreshold: undefined,
  preparation: undefined,
  patches: false,
  flipAxes: undefined,
}

/**
 * The model in a training checkpoint, a bare state_dict (.pth) or a safetensors file, whichever it is by its content.
 * Throws InputError with the path.
 */
export function readModelFile(path: string): ModelFile {
  const bytes = readBytes(path)
  // Where the header of a safetensors file begins.
  const isSafetensors = bytes[8] === 0x7b && !(bytes[0] === 0x50 && bytes[1] === 0x4b)
  const model = isSafetensors ? { ...UNKNOWN, tensors: parseSafetensors(bytes, path).tensors } : readTorch(bytes, path)
  if (model.tensors.size === 0) throw new InputError(`${path}: no tensors in it`)
  return model
}

/** The parameters and buffers in a file, by name. Throws InputError as `readModelFile` does. */
export function readWeights(path: string): Map<string, TorchTensor> {
  return readModelFile(path).tensors
}

function readTorch(bytes: Uint8Array, path: string): ModelFile {
  const value = parsePth(bytes, path)
  const model = value instanceof Map ? value.get('model_state_dict') : undefined
  if (model === undefined) return { ...UNKNOWN, tensors: readStateDict(value, path) }
  const fields = new Fields(value, path)
  const own = fields.has('sadaan_gpu') ? fields.dict('sadaan_gpu') : undefined
  return {
    tensors: readStateDict(model, `${path}: model_state_dict`),
    structureNames: fields.has('structure_names') ? fields.strings('structure_names') : undefined,
    presenceThreshold: own && thresholdIn(own),
    preparation: own?.has('preparation')
      ? (recordOf(own.value('preparation'), `${path}: preparation`) as Json)
      : undefined,
    patches: own?.has('patches') === true && own.boolean('patches'),
    flipAxes: own && flipAxesIn(own),
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

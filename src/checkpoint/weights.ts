import { InputError } from '../util/error.ts'
import { readBytes } from './file.ts'
import { parsePth } from './pth.ts'
import { parseSafetensors } from './safetensors.ts'
import { readStateDict } from './state_dict.ts'
import type { TorchTensor } from './torch_tensor.ts'

/**
 * The parameters and buffers in a file, by name: of a training checkpoint, a bare state_dict (.pth) or a safetensors file,
 * whichever it is by its content. Throws InputError with the path.
 */
export function readWeights(path: string): Map<string, TorchTensor> {
  const bytes = readBytes(path)
  // Where the header of a safetensors file begins.
  const isSafetensors = bytes[8] === 0x7b && !(bytes[0] === 0x50 && bytes[1] === 0x4b)
  const tensors = isSafetensors ? parseSafetensors(bytes, path).tensors : readTorch(bytes, path)
  if (tensors.size === 0) throw new InputError(`${path}: no tensors in it`)
  return tensors
}

function readTorch(bytes: Uint8Array, path: string): Map<string, TorchTensor> {
  const value = parsePth(bytes, path)
  const model = value instanceof Map ? value.get('model_state_dict') : undefined
  return model === undefined ? readStateDict(value, path) : readStateDict(model, `${path}: model_state_dict`)
}

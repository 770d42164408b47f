import { InputError } from '../util/error.ts'
import { readWhole } from '../util/whole_file.ts'
import { pyOf } from './fields.ts'
import { textsOf } from './model_facts.ts'
import { type ModelFile, parseModelFile } from './model_file.ts'
import type { TorchTensor } from './pickle/torch_tensor.ts'
import type { PyValue } from './pickle/value.ts'
import { encodePth } from './pth_file.ts'
import { encodeSafetensors } from './safetensors.ts'
import { stateDict } from './state_dict.ts'

/** Reads the model from a file as `parseModelFile` does. Throws InputError with the path. */
export function readModelFile(path: string): ModelFile {
  return parseModelFile(readWhole(path, { expected: 'a model (.pth, .pt or .safetensors)' }), path)
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

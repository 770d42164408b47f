import { InputError } from '../util/error.ts'
import { Fields } from './fields.ts'
import type { TorchTensor } from './pickle/torch_tensor.ts'
import { OrderedDict, type PyValue } from './pickle/value.ts'

/** A module's state_dict: tensors by name, in file order. Throws InputError if it holds anything else. */
export function readStateDict(value: PyValue | undefined, where: string): Map<string, TorchTensor> {
  const fields = new Fields(value, where)
  const tensors = new Map<string, TorchTensor>()
  for (const [name] of fields.entries) {
    if (typeof name !== 'string') throw new InputError(`${where}: found the key ${name}, expected string keys`)
    tensors.set(name, fields.tensor(name))
  }
  return tensors
}

/** The inverse: an OrderedDict, like module.state_dict(). */
export function stateDict(tensors: Map<string, TorchTensor>): PyValue {
  return new OrderedDict(tensors)
}

import { InputError } from '../util/error.ts'
import { Fields } from './fields.ts'
import type { TorchTensor } from './pickle/torch_tensor.ts'
import { OrderedDict, type PyValue } from './pickle/value.ts'

/** A module's state_dict: the tensors by name, in the order of the file. Throws InputError at anything else in it. */
export function readStateDict(value: PyValue | undefined, where: string): Map<string, TorchTensor> {
  const fields = new Fields(value, where)
  const tensors = new Map<string, TorchTensor>()
  for (const [name] of fields.entries) {
    if (typeof name !== 'string') throw new InputError(`${where}: found the key ${name}, expected names`)
    tensors.set(name, fields.tensor(name))
  }
  return tensors
}

/** The other way: an OrderedDict, as module.state_dict() is. */
export function stateDict(tensors: Map<string, TorchTensor>): PyValue {
  return new OrderedDict(tensors)
}

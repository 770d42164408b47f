import type { TorchTensor } from './torch_tensor.ts'

/** A Python float. Plain integers are written as int; reading yields plain numbers for both. */
export class PyFloat {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** collections.OrderedDict, like a module's state_dict(). */
export class OrderedDict extends Map<string | number, PyValue> {}

/**
 * How Python objects are represented: dict → Map in insertion order, OrderedDict → OrderedDict, list → array, tuple → frozen
 * array, int → number (bigint beyond 2^53), float → number, None → null, tensor or parameter → TorchTensor.
 */
export type PyValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PyFloat
  | readonly PyValue[]
  | Map<string | number, PyValue>
  | TorchTensor

/** An array to be written as a Python tuple. */
export function tupleOf(...items: PyValue[]): readonly PyValue[] {
  return Object.freeze(items)
}

export function isTensor(value: unknown): value is TorchTensor {
  return (
    typeof value === 'object' && value !== null && 'dtype' in value && 'data' in value && ArrayBuffer.isView(value.data)
  )
}

/** Limits on the number and depth of nested values; a value that is reached twice counts twice. */
const maxValues = 1_000_000
const maxDepth = 100

/** Fails if a value holds anything but PyValues, contains itself, or expands to more values than a genuine file can have. */
export function checkValue(value: unknown, fail: (what: string) => never): asserts value is PyValue {
  let values = 0
  const visit = (part: unknown, depth: number): void => {
    if (++values > maxValues) fail(`found more than ${maxValues} values`)
    if (depth > maxDepth) fail(`found values nested more than ${maxDepth} deep`)
    if (part instanceof Map) for (const item of part.values()) visit(item, depth + 1)
    else if (Array.isArray(part)) for (const item of part) visit(item, depth + 1)
    else if (typeof part === 'object' && part !== null && !isTensor(part))
      fail('found a bare class, function or storage')
  }
  visit(value, 0)
}

export interface RebuildContext {
  /** throws an InputError that names the file */
  fail(what: string): never
  /** subtracts `bytes` from the allocation budget, or fails */
  spend(bytes: number): void
}

import type { TorchTensor } from './torch_tensor.ts'

/** A Python float; a plain number that is whole is written as an int. Reading gives plain numbers for both. */
export class PyFloat {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** collections.OrderedDict, as a module's state_dict() is. */
export class OrderedDict extends Map<string | number, PyValue> {}

/**
 * What Python's objects are here: dict → Map in the order written, OrderedDict → OrderedDict, list → array, tuple → frozen
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

/** An array that is written as a Python tuple. */
export function tupleOf(...items: PyValue[]): readonly PyValue[] {
  return Object.freeze(items)
}

export function isTensor(value: unknown): value is TorchTensor {
  return (
    typeof value === 'object' && value !== null && 'dtype' in value && 'data' in value && ArrayBuffer.isView(value.data)
  )
}

/** Values nested in one value, and in one another; a value reached on two ways counts twice. */
const mostValues = 1_000_000
const mostDepth = 100

/** Fails where a value holds anything but PyValues, holds itself, or unfolds to more values than a file can honestly have. */
export function checkValue(value: unknown, fail: (what: string) => never): asserts value is PyValue {
  let values = 0
  const visit = (part: unknown, depth: number): void => {
    if (++values > mostValues) fail(`more than ${mostValues} values`)
    if (depth > mostDepth) fail(`values nested more than ${mostDepth} deep`)
    if (part instanceof Map) for (const item of part.values()) visit(item, depth + 1)
    else if (Array.isArray(part)) for (const item of part) visit(item, depth + 1)
    else if (typeof part === 'object' && part !== null && !isTensor(part)) fail('a bare class, function or storage')
  }
  visit(value, 0)
}

export interface RebuildContext {
  /** ends the reading with an InputError that names the file */
  fail(what: string): never
  /** takes so many bytes off what may still be allocated, or fails */
  spend(bytes: number): void
}

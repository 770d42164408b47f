import { InputError } from '../util/error.ts'
import type { TorchTensor } from './pickle/torch_tensor.ts'
import { isTensor, type PyValue } from './pickle/value.ts'

/** JSON values, but numbers may be infinite or NaN. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Typed access to the entries of a dict. Each lookup throws InputError with file, entry and what was expected. */
export class Fields {
  private readonly found: Map<string | number, PyValue>
  /** path of the file, and of the dict within it */
  readonly where: string

  constructor(value: PyValue | undefined, where: string) {
    if (!(value instanceof Map)) throw new InputError(`${where}: found ${nameOf(value)}, expected a dict`)
    this.found = value
    this.where = where
  }

  get entries(): [string | number, PyValue][] {
    return [...this.found]
  }

  has(key: string): boolean {
    return (this.found.get(key) ?? null) !== null
  }

  value(key: string): PyValue | undefined {
    return this.found.get(key)
  }

  dict(key: string): Fields {
    return new Fields(this.found.get(key), `${this.where}: ${key}`)
  }

  number(key: string): number {
    const value = this.found.get(key)
    return typeof value === 'number' ? value : this.refuse(key, value, 'a number')
  }

  boolean(key: string): boolean {
    const value = this.found.get(key)
    return typeof value === 'boolean' ? value : this.refuse(key, value, 'True or False')
  }

  text(key: string): string {
    const value = this.found.get(key)
    return typeof value === 'string' ? value : this.refuse(key, value, 'a string')
  }

  numbers(key: string): number[] {
    const value = this.found.get(key)
    const isList = Array.isArray(value) && value.every(item => typeof item === 'number')
    return isList ? [...value] : this.refuse(key, value, 'a list of numbers')
  }

  strings(key: string): string[] {
    const value = this.found.get(key)
    const isList = Array.isArray(value) && value.every(item => typeof item === 'string')
    return isList ? [...value] : this.refuse(key, value, 'a list of strings')
  }

  tensor(key: string): TorchTensor {
    const value = this.found.get(key)
    return isTensor(value) ? value : this.refuse(key, value, 'a tensor')
  }

  private refuse(key: string, value: PyValue | undefined, expected: string): never {
    throw new InputError(`${this.where}: ${key} is ${nameOf(value)}, expected ${expected}`)
  }
}

/** Converts unpickled values to plain ones; tuples become arrays. Throws InputError for a dict key that is not a string or an int beyond 2^53. */
export function plainOf(value: PyValue, where: string): Json | TorchTensor {
  if (Array.isArray(value)) return value.map(item => plainOf(item, where) as Json)
  if (value instanceof Map) return recordOf(value, where) as Json
  if (typeof value === 'bigint') throw new InputError(`${where}: the integer ${value} is too large`)
  return value as Json | TorchTensor
}

export function recordOf(value: PyValue | undefined, where: string): Record<string, Json | TorchTensor> {
  return Object.fromEntries(
    new Fields(value, where).entries.map(([key, item]) => {
      if (typeof key !== 'string') throw new InputError(`${where}: found the key ${key}, expected string keys`)
      return [key, plainOf(item, `${where}: ${key}`)]
    }),
  )
}

/** The inverse: a record becomes a dict. */
export function pyOf(value: Json | TorchTensor): PyValue {
  if (Array.isArray(value)) return value.map(pyOf)
  if (typeof value !== 'object' || value === null || isTensor(value)) return value
  return new Map(Object.entries(value as Record<string, Json>).map(([key, item]) => [key, pyOf(item)]))
}

function nameOf(value: PyValue | undefined): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'None'
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Map) return 'a dict'
  if (isTensor(value)) return `a tensor of shape [${value.shape}]`
  return JSON.stringify(String(value).slice(0, 80))
}

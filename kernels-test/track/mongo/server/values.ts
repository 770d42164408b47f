import { BSON, type Document } from 'mongodb'

/** Numbers keep their BSON types: a reader must get an int32 back where one was stored. */
export const DESERIALIZE = { promoteValues: false, promoteLongs: false, promoteBuffers: false } as const

/** A command that failed, with MongoDB's number for the reason. */
export class CommandError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

export const BAD_VALUE = 2
export const FAILED_TO_PARSE = 9
export const NAMESPACE_NOT_FOUND = 26
export const CURSOR_NOT_FOUND = 43
export const COMMAND_NOT_FOUND = 59
export const IMMUTABLE_FIELD = 66
export const TOO_LARGE = 10334
export const DUPLICATE_KEY = 11000

const ORDER = ['null', 'number', 'string', 'object', 'array', 'binary', 'objectid', 'boolean', 'date'] as const
type Kind = (typeof ORDER)[number]

export function isDocument(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

/** The number that a BSON number is; undefined for anything else. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (value instanceof BSON.Int32 || value instanceof BSON.Double) return value.valueOf()
  if (value instanceof BSON.Long) return value.toNumber()
  return undefined
}

/** MongoDB's order of types; values of different kinds are never equal. */
export function kindOf(value: unknown): Kind {
  if (value === null || value === undefined) return 'null'
  if (numberOf(value) !== undefined) return 'number'
  if (typeof value === 'string' || typeof value === 'boolean') return typeof value as Kind
  if (Array.isArray(value)) return 'array'
  if (value instanceof BSON.ObjectId) return 'objectid'
  if (value instanceof BSON.Binary) return 'binary'
  if (value instanceof Date) return 'date'
  if (isDocument(value)) return 'object'
  throw new CommandError(BAD_VALUE, `a value of type ${(value as object).constructor?.name} is not known here`)
}

/** Below zero, zero or above, in MongoDB's order. */
export function compare(a: unknown, b: unknown): number {
  const kind = kindOf(a)
  if (kind !== kindOf(b)) return ORDER.indexOf(kind) - ORDER.indexOf(kindOf(b))
  if (kind === 'null') return 0
  if (kind === 'object') return compareLists(Object.entries(a as Document).flat(), Object.entries(b as Document).flat())
  if (kind === 'array') return compareLists(a as unknown[], b as unknown[])
  const [first, second] = [plainOf(a, kind), plainOf(b, kind)]
  return first < second ? -1 : first > second ? 1 : 0
}

function compareLists(a: readonly unknown[], b: readonly unknown[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compare(a[i], b[i])
    if (order !== 0) return order
  }
  return a.length - b.length
}

function plainOf(value: unknown, kind: Kind): number | string {
  if (kind === 'number') return numberOf(value)!
  if (kind === 'date') return (value as Date).getTime()
  if (kind === 'boolean') return Number(value)
  if (kind === 'objectid') return (value as BSON.ObjectId).toHexString()
  if (kind === 'binary') return (value as BSON.Binary).toString('hex')
  return value as string
}

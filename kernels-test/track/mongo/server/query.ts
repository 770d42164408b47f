import type { Document } from 'mongodb'
import { BAD_VALUE, CommandError, compare, FAILED_TO_PARSE, isDocument, kindOf, numberOf } from './values.ts'

type Test = (value: unknown, wanted: unknown) => boolean

const sameKind = (value: unknown, wanted: unknown): boolean => kindOf(value) === kindOf(wanted)

/** Operators on one value. Those that look at an array as a whole are beside them. */
const OPERATORS: Readonly<Record<string, Test>> = {
  $eq: (value, wanted) => compare(value, wanted) === 0,
  $gt: (value, wanted) => sameKind(value, wanted) && compare(value, wanted) > 0,
  $gte: (value, wanted) => sameKind(value, wanted) && compare(value, wanted) >= 0,
  $lt: (value, wanted) => sameKind(value, wanted) && compare(value, wanted) < 0,
  $lte: (value, wanted) => sameKind(value, wanted) && compare(value, wanted) <= 0,
  $in: (value, wanted) => (wanted as unknown[]).some(one => compare(value, one) === 0),
  $regex: (value, wanted) => typeof value === 'string' && new RegExp(wanted as string).test(value),
}

/** Whether a document fits a filter. An operator that is not known is an error, never an answer. */
export function matches(document: Document, filter: Document): boolean {
  return Object.entries(filter).every(([key, wanted]) => {
    if (key === '$and') return (wanted as Document[]).every(part => matches(document, part))
    if (key === '$or') return (wanted as Document[]).some(part => matches(document, part))
    if (key.startsWith('$')) throw new CommandError(BAD_VALUE, `unknown top level operator: ${key}`)
    return fits(valuesAt(document, key.split('.')), wanted)
  })
}

function fits(found: readonly unknown[], wanted: unknown): boolean {
  const isOperators = isDocument(wanted) && Object.keys(wanted).some(key => key.startsWith('$'))
  if (!isOperators) return someOf(found, OPERATORS.$eq!, wanted)
  return Object.entries(wanted).every(([operator, operand]) => {
    if (operator === '$exists')
      return found.some(value => value !== undefined) === Boolean(numberOf(operand) ?? operand)
    if (operator === '$size') return found.some(value => Array.isArray(value) && value.length === numberOf(operand))
    if (operator === '$ne') return !someOf(found, OPERATORS.$eq!, operand)
    const test = OPERATORS[operator]
    if (!test) throw new CommandError(BAD_VALUE, `unknown operator: ${operator}`)
    return someOf(found, test, operand)
  })
}

/** A condition holds for an array where it holds for the whole or for one of its items. */
function someOf(found: readonly unknown[], test: Test, wanted: unknown): boolean {
  return found.some(value => test(value, wanted) || (Array.isArray(value) && value.some(item => test(item, wanted))))
}

/** What lies at a path; arrays on the way are looked through. */
function valuesAt(value: unknown, path: readonly string[]): unknown[] {
  const [key, ...rest] = path
  if (key === undefined) return [value]
  if (isDocument(value)) return valuesAt(value[key], rest)
  if (!Array.isArray(value)) return [undefined]
  const items = value.filter(isDocument).flatMap(item => valuesAt(item, path))
  return /^\d+$/.test(key) ? [...items, ...valuesAt(value[Number(key)], rest)] : items
}

/** The documents in the order of a sort, e.g. {start_time: −1}. */
export function sorted(documents: readonly Document[], sort: Document): Document[] {
  const keys = Object.entries(sort).map(([key, order]) => ({ path: key.split('.'), order: numberOf(order) }))
  for (const { order } of keys)
    if (order !== 1 && order !== -1) throw new CommandError(BAD_VALUE, 'a sort order is 1 or −1')
  return [...documents].sort((a, b) => {
    for (const { path, order } of keys) {
      const found = compare(sortValue(a, path), sortValue(b, path))
      if (found !== 0) return found * order!
    }
    return 0
  })
}

function sortValue(document: Document, path: readonly string[]): unknown {
  const [value] = valuesAt(document, path)
  if (Array.isArray(value)) throw new CommandError(BAD_VALUE, 'sorting by an array is not known here')
  return value
}

/** The fields that a projection names, or all but them. */
export function projected(document: Document, projection: Document | undefined): Document {
  const named = Object.entries(projection ?? {}).map(
    ([key, value]) => [key, Boolean(numberOf(value) ?? value)] as const,
  )
  if (named.length === 0) return document
  if (named.some(([key]) => key.includes('.') || key.startsWith('$')) || Object.values(projection!).some(isDocument))
    throw new CommandError(FAILED_TO_PARSE, 'a projection here names top level fields')
  const kinds = new Set(named.filter(([key]) => key !== '_id').map(([, isWanted]) => isWanted))
  if (kinds.size > 1) throw new CommandError(FAILED_TO_PARSE, 'a projection includes or excludes')
  const asked = new Map(named)
  const isInclusive = kinds.size === 1 ? kinds.has(true) : asked.get('_id') === true
  return Object.fromEntries(
    Object.entries(document).filter(([key]) => asked.get(key) ?? (key === '_id' ? true : !isInclusive)),
  )
}

import { BSON, type Document } from 'mongodb'
import { CommandError, compare, FAILED_TO_PARSE, IMMUTABLE_FIELD, isDocument } from './values.ts'

type Apply = (holder: Document, key: string, operand: unknown) => void

const OPERATORS: Readonly<Record<string, Apply>> = {
  $set: (holder, key, value) => {
    holder[key] = value
  },
  $unset: (holder, key) => {
    delete holder[key]
  },
  $push: (holder, key, operand) => {
    const list = (holder[key] ?? []) as unknown
    holder[key] = list
    if (!Array.isArray(list)) throw new CommandError(2, `the field '${key}' must be an array`)
    list.push(...itemsOf(operand))
  },
}

/** A copy of `document` as an update makes it: operators, or a whole new document. */
export function updated(document: Document, update: unknown): Document {
  if (!isDocument(update)) throw new CommandError(FAILED_TO_PARSE, 'an update by a pipeline is not known here')
  const operators = Object.keys(update).filter(key => key.startsWith('$'))
  if (operators.length === 0) return { _id: document._id, ...update }
  const result = copyOf(document)
  for (const [operator, fields] of Object.entries(update)) {
    const apply = OPERATORS[operator]
    if (!apply) throw new CommandError(FAILED_TO_PARSE, `unknown modifier: ${operator}`)
    for (const [path, operand] of Object.entries(fields as Document)) at(result, path, apply, operand)
  }
  if (document._id !== undefined && compare(document._id, result._id) !== 0)
    throw new CommandError(IMMUTABLE_FIELD, "the update would change the immutable field '_id'")
  return result
}

/** The document that an upsert begins with: what the filter demands to be equal. */
export function beginningOf(filter: Document): Document {
  const equal = Object.entries(filter).filter(
    ([, wanted]) => !(isDocument(wanted) && Object.keys(wanted).some(key => key.startsWith('$'))),
  )
  if (equal.some(([key]) => key.startsWith('$') || key.includes('.')))
    throw new CommandError(FAILED_TO_PARSE, 'an upsert here has a filter of plain fields')
  return Object.fromEntries(equal)
}

/** Lists are copied too; what is in them is not, and is never changed. */
function copyOf(document: Document): Document {
  return Object.fromEntries(
    Object.entries(document).map(([key, value]) => {
      if (Array.isArray(value)) return [key, [...value]]
      return [key, isDocument(value) ? copyOf(value) : value]
    }),
  )
}

function at(document: Document, path: string, apply: Apply, operand: unknown): void {
  const names = path.split('.')
  const last = names.pop()!
  const holder = names.reduce<Document>((inner, name) => {
    const next = (inner[name] ?? {}) as unknown
    inner[name] = next
    if (!isDocument(next)) throw new CommandError(28, `cannot create a field in '${name}'`)
    return next
  }, document)
  apply(holder, last, operand)
}

function itemsOf(operand: unknown): unknown[] {
  if (!isDocument(operand) || !Object.keys(operand).some(key => key.startsWith('$'))) return [operand]
  const { $each, ...others } = operand
  if (!Array.isArray($each) || Object.keys(others).length > 0)
    throw new CommandError(FAILED_TO_PARSE, `$push knows $each alone here, not ${Object.keys(others)}`)
  return $each
}

/** Bytes of a document. */
export function sizeOf(document: Document): number {
  return BSON.calculateObjectSize(document)
}

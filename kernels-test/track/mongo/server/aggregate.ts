import { BSON, type Document } from 'mongodb'
import { matches, projected, sorted } from './query.ts'
import { CommandError, compare, FAILED_TO_PARSE, numberOf } from './values.ts'

type Stage = (documents: Document[], operand: Document) => Document[]

const STAGES: Readonly<Record<string, Stage>> = {
  $match: (documents, filter) => documents.filter(document => matches(document, filter)),
  $sort: (documents, sort) => sorted(documents, sort),
  $skip: (documents, count) => documents.slice(numberOf(count)),
  $limit: (documents, count) => documents.slice(0, numberOf(count)),
  $project: (documents, projection) => documents.map(document => projected(document, projection)),
  $group: counted,
}

/** What a pipeline makes of documents. */
export function aggregated(documents: Document[], pipeline: readonly Document[]): Document[] {
  return pipeline.reduce<Document[]>((left, stage) => {
    const [[name, operand]] = Object.entries(stage) as [[string, Document]]
    const run = STAGES[name]
    if (!run) throw new CommandError(FAILED_TO_PARSE, `unrecognized pipeline stage name: '${name}'`)
    return run(left, operand)
  }, documents)
}

/** Groups that are counted: {_id: constant or '$field', count: {$sum: 1}}. */
function counted(documents: Document[], { _id, ...fields }: Document): Document[] {
  const [[name, count] = [], ...others] = Object.entries(fields) as [string, Document][]
  if (!name || others.length > 0 || Object.keys(count!).join() !== '$sum' || numberOf(count!.$sum) !== 1)
    throw new CommandError(FAILED_TO_PARSE, '$group knows counting alone here')
  const groups: { _id: unknown; count: number }[] = []
  for (const document of documents) {
    const key = typeof _id === 'string' && _id.startsWith('$') ? (document[_id.slice(1)] ?? null) : _id
    const group = groups.find(other => compare(other._id, key) === 0)
    if (group) group.count++
    else groups.push({ _id: key, count: 1 })
  }
  return groups.map(group => ({ _id: group._id, [name]: new BSON.Int32(group.count) }))
}

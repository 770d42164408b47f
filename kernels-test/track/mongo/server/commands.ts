import { BSON, type Document } from 'mongodb'
import { aggregated } from './aggregate.ts'
import { Collection, type Index } from './collection.ts'
import { projected, sorted } from './query.ts'
import {
  BAD_VALUE,
  COMMAND_NOT_FOUND,
  CommandError,
  CURSOR_NOT_FOUND,
  NAMESPACE_NOT_FOUND,
  numberOf,
} from './values.ts'

const FIRST_BATCH = 101 // documents, as MongoDB

interface Command {
  /** Fields that it knows beyond those of every command. */
  fields: readonly string[]
  run(request: Document, database: string): Document
}

const OF_EVERY_COMMAND = ['$db', 'lsid', '$readPreference', 'writeConcern', 'readConcern', 'comment', 'maxTimeMS']

/** The commands that drivers, GridFS and Sacred's readers use, on documents in memory. Anything else is an error. */
export class Commands {
  private readonly databases = new Map<string, Map<string, Collection>>()
  private readonly cursors = new Map<string, { namespace: string; left: Document[] }>()
  private nextCursor = 1
  private readonly commands: Readonly<Record<string, Command>> = {
    ping: { fields: [], run: () => ({}) },
    endSessions: { fields: [], run: () => ({}) },
    buildInfo: {
      fields: [],
      run: () => ({ version: '7.0.0', versionArray: [7, 0, 0, 0].map(part => new BSON.Int32(part)) }),
    },
    insert: { fields: ['documents', 'ordered'], run: (request, db) => this.insert(request, db) },
    update: { fields: ['updates', 'ordered'], run: (request, db) => this.update(request, db) },
    delete: { fields: ['deletes', 'ordered'], run: (request, db) => this.delete(request, db) },
    find: {
      fields: ['filter', 'sort', 'projection', 'limit', 'skip', 'batchSize', 'singleBatch'],
      run: (request, db) => this.find(request, db),
    },
    aggregate: { fields: ['pipeline', 'cursor'], run: (request, db) => this.aggregate(request, db) },
    count: {
      fields: ['query'],
      run: (request, db) => ({ n: int(this.at(db, request.count)?.find(request.query ?? {}).length ?? 0) }),
    },
    getMore: { fields: ['collection', 'batchSize'], run: request => this.getMore(request) },
    killCursors: { fields: ['cursors'], run: request => this.killCursors(request) },
    findAndModify: {
      fields: ['query', 'update', 'upsert', 'new'],
      run: (request, db) => this.findAndModify(request, db),
    },
    createIndexes: { fields: ['indexes'], run: (request, db) => this.createIndexes(request, db) },
    listIndexes: { fields: ['cursor'], run: (request, db) => this.listIndexes(request, db) },
    listCollections: {
      fields: ['cursor', 'filter', 'nameOnly', 'authorizedCollections'],
      run: (request, db) => this.listCollections(request, db),
    },
    listDatabases: {
      fields: ['nameOnly', 'filter'],
      run: () => ({ databases: [...this.databases.keys()].map(name => ({ name })) }),
    },
  }

  /** The answer to a command, an error included. */
  answer(request: Document): Document {
    const [name] = Object.keys(request)
    try {
      const command = this.commands[name!]
      if (!command) throw new CommandError(COMMAND_NOT_FOUND, `no such command: '${name}'`)
      const strange = Object.keys(request)
        .slice(1)
        .filter(field => ![...OF_EVERY_COMMAND, ...command.fields].includes(field))
      if (strange.length > 0) throw new CommandError(40415, `BSON field '${name}.${strange[0]}' is an unknown field`)
      return { ...command.run(request, request.$db), ok: 1 }
    } catch (error) {
      if (error instanceof CommandError)
        return { ok: 0, errmsg: error.message, code: int(error.code), codeName: `Code${error.code}` }
      throw error
    }
  }

  private at(database: string, name: string): Collection | undefined {
    return this.databases.get(database)?.get(name)
  }

  private made(database: string, name: string): Collection {
    const collections = this.databases.get(database) ?? new Map<string, Collection>()
    this.databases.set(database, collections)
    const collection = collections.get(name) ?? new Collection()
    collections.set(name, collection)
    return collection
  }

  private insert({ insert, documents, ordered }: Document, database: string): Document {
    const collection = this.made(database, insert)
    return written(documents, ordered, document => {
      collection.insert(document)
      return { n: 1 }
    })
  }

  private update({ update, updates, ordered }: Document, database: string): Document {
    const collection = this.made(database, update)
    return written(updates, ordered, ({ q, u, multi = false, upsert = false, ...others }, index) => {
      refuse(others)
      const { matched, modified, upserted } = collection.update(q, u, { multi, upsert })
      if (upserted === undefined) return { n: matched, nModified: modified }
      return { n: 1, nModified: 0, upserted: { index: int(index), _id: upserted } }
    })
  }

  private delete({ delete: name, deletes, ordered }: Document, database: string): Document {
    const collection = this.made(database, name)
    return written(deletes, ordered, ({ q, limit, ...others }) => {
      refuse(others)
      return { n: collection.remove(q, numberOf(limit)!) }
    })
  }

  private find(request: Document, database: string): Document {
    const { find, filter = {}, sort = {}, projection, limit = 0, skip = 0, batchSize, singleBatch } = request
    const found = sorted(this.at(database, find)?.find(filter) ?? [], sort).slice(numberOf(skip))
    const limited = found.slice(0, numberOf(limit) === 0 ? undefined : numberOf(limit))
    const documents = limited.map(document => projected(document, projection))
    return this.cursor(`${database}.${find}`, documents, singleBatch ? documents.length : batchSize)
  }

  private aggregate({ aggregate, pipeline, cursor }: Document, database: string): Document {
    const documents = aggregated(this.at(database, aggregate)?.find({}) ?? [], pipeline)
    return this.cursor(`${database}.${aggregate}`, documents, cursor.batchSize)
  }

  private cursor(namespace: string, documents: Document[], batchSize: unknown): Document {
    const size = numberOf(batchSize) ?? FIRST_BATCH
    const left = documents.slice(size)
    const id = left.length === 0 ? 0 : this.nextCursor++
    if (id > 0) this.cursors.set(String(id), { namespace, left })
    return { cursor: { id: BSON.Long.fromNumber(id), ns: namespace, firstBatch: documents.slice(0, size) } }
  }

  private getMore({ getMore, batchSize }: Document): Document {
    const cursor = this.cursors.get(String(numberOf(getMore)))
    if (!cursor) throw new CommandError(CURSOR_NOT_FOUND, `cursor id ${getMore} not found`)
    const nextBatch = cursor.left.splice(0, numberOf(batchSize) || FIRST_BATCH)
    if (cursor.left.length === 0) this.cursors.delete(String(numberOf(getMore)))
    return {
      cursor: {
        id: BSON.Long.fromNumber(cursor.left.length === 0 ? 0 : numberOf(getMore)!),
        ns: cursor.namespace,
        nextBatch,
      },
    }
  }

  private killCursors({ cursors }: Document): Document {
    for (const id of cursors) this.cursors.delete(String(numberOf(id)))
    return { cursorsKilled: cursors, cursorsNotFound: [], cursorsAlive: [], cursorsUnknown: [] }
  }

  private findAndModify(request: Document, database: string): Document {
    const { findAndModify, query = {}, update, upsert = false, new: isNew = false } = request
    const collection = this.made(database, findAndModify)
    const [before] = collection.find(query)
    const { upserted } = collection.update(query, update, { multi: false, upsert })
    const _id = before?._id ?? upserted
    const [after] = _id === undefined ? [] : collection.find({ _id })
    const value = (isNew ? after : before) ?? null
    return { value, lastErrorObject: { n: int(_id === undefined ? 0 : 1), updatedExisting: before !== undefined } }
  }

  private createIndexes({ createIndexes, indexes }: Document, database: string): Document {
    const collection = this.made(database, createIndexes)
    const before = collection.indexes.length
    for (const { name, key, unique = false, ...others } of indexes as Document[]) {
      refuse(others)
      const index: Index = { name, key, unique }
      if (!collection.indexes.some(other => other.name === name)) collection.indexes.push(index)
    }
    return { numIndexesBefore: int(before), numIndexesAfter: int(collection.indexes.length) }
  }

  private listIndexes({ listIndexes }: Document, database: string): Document {
    const collection = this.at(database, listIndexes)
    if (!collection) throw new CommandError(NAMESPACE_NOT_FOUND, `ns does not exist: ${database}.${listIndexes}`)
    const indexes = collection.indexes.map(index => ({ v: int(2), ...index }))
    return this.cursor(`${database}.${listIndexes}`, indexes, undefined)
  }

  private listCollections({ filter = {} }: Document, database: string): Document {
    refuse(filter)
    const names = [...(this.databases.get(database)?.keys() ?? [])]
    return this.cursor(
      `${database}.$cmd.listCollections`,
      names.map(name => ({ name, type: 'collection' })),
      undefined,
    )
  }
}

function int(value: number): BSON.Int32 {
  return new BSON.Int32(value)
}

function refuse(others: Document): void {
  const [strange] = Object.keys(others)
  if (strange !== undefined) throw new CommandError(BAD_VALUE, `the option ${strange} is not known here`)
}

/** Does the parts of a write; counts are summed, errors listed. An ordered write ends at its first error. */
function written(
  parts: readonly Document[],
  ordered: boolean | undefined,
  write: (part: Document, index: number) => { n: number; nModified?: number; upserted?: Document },
): Document {
  const counts = { n: 0, nModified: 0 }
  const upserted: Document[] = []
  const writeErrors: Document[] = []
  for (const [index, part] of parts.entries()) {
    try {
      const done = write(part, index)
      counts.n += done.n
      counts.nModified += done.nModified ?? 0
      if (done.upserted) upserted.push(done.upserted)
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      writeErrors.push({ index: int(index), code: int(error.code), errmsg: error.message })
      if (ordered !== false) break
    }
  }
  return {
    n: int(counts.n),
    nModified: int(counts.nModified),
    ...(upserted.length > 0 && { upserted }),
    ...(writeErrors.length > 0 && { writeErrors }),
  }
}

import { BSON, type Document } from 'mongodb'
import { matches } from './query.ts'
import { beginningOf, sizeOf, updated } from './update.ts'
import { CommandError, compare, DUPLICATE_KEY, TOO_LARGE } from './values.ts'

const MAX_DOCUMENT = 16 * 2 ** 20 // bytes, MongoDB's limit

export interface Index {
  name: string
  key: Document
  unique?: boolean
}

export interface UpdateResult {
  matched: number
  modified: number
  /** _id of the document that an upsert made. */
  upserted?: unknown
}

/** Documents in the order of their insertion. */
export class Collection {
  readonly indexes: Index[] = [{ name: '_id_', key: { _id: new BSON.Int32(1) }, unique: true }]
  private documents: Document[] = []

  find(filter: Document): Document[] {
    return this.documents.filter(document => matches(document, filter))
  }

  insert(document: Document): void {
    const whole = '_id' in document ? document : { _id: new BSON.ObjectId(), ...document }
    this.check(whole)
    this.documents.push(whole)
  }

  update(filter: Document, update: unknown, { multi, upsert }: { multi: boolean; upsert: boolean }): UpdateResult {
    const found = this.find(filter).slice(0, multi ? undefined : 1)
    for (const document of found) this.replace(document, updated(document, update))
    if (found.length > 0 || !upsert) return { matched: found.length, modified: found.length }
    const made = updated(beginningOf(filter), update)
    const _id = made._id ?? new BSON.ObjectId()
    this.insert({ _id, ...made })
    return { matched: 0, modified: 0, upserted: _id }
  }

  /** How many were removed. */
  remove(filter: Document, limit: number): number {
    const gone = new Set(this.find(filter).slice(0, limit === 0 ? undefined : limit))
    this.documents = this.documents.filter(document => !gone.has(document))
    return gone.size
  }

  private replace(document: Document, changed: Document): void {
    this.check(changed, document)
    this.documents[this.documents.indexOf(document)] = changed
  }

  /** Unique indexes and the size; `itself` is the document that is replaced. */
  private check(document: Document, itself?: Document): void {
    if (sizeOf(document) > MAX_DOCUMENT) throw new CommandError(TOO_LARGE, 'BSONObj exceeds 16777216 bytes')
    for (const { name, key } of this.indexes.filter(({ unique }) => unique)) {
      const isTaken = this.documents.some(
        other => other !== itself && Object.keys(key).every(field => compare(other[field], document[field]) === 0),
      )
      if (isTaken) throw new CommandError(DUPLICATE_KEY, `E11000 duplicate key error index: ${name}`)
    }
  }
}

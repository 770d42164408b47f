import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Collection, Db, Document, GridFSFile, MongoClient, MongoClientOptions, ObjectId } from 'mongodb'
import { type MongoAddress, wrongUrl } from './address.ts'
import type { RunDocument } from './document.ts'
import type { MetricDocument } from './metrics.ts'

const ANSWER = 3000 // milliseconds that a server is given to answer
const CLOSE = 1000 // milliseconds for taking leave

/** The official driver, loaded when a run is kept in MongoDB and only then. */
export type MongoDriver = typeof import('mongodb')

/** A database of Sacred's. */
export class MongoConnection {
  readonly driver: MongoDriver
  readonly address: MongoAddress
  private readonly client: MongoClient

  /** Throws InputError for a URL that the driver does not take. `answer`: milliseconds that a server is given to answer. */
  static async make(address: MongoAddress, answer = ANSWER): Promise<MongoConnection> {
    const driver = await import('mongodb')
    try {
      return new MongoConnection(driver, address, answer)
    } catch {
      throw wrongUrl()
    }
  }

  private constructor(driver: MongoDriver, address: MongoAddress, answer: number) {
    this.driver = driver
    this.address = address
    this.client = new driver.MongoClient(address.url, optionsFor(address.url, answer))
  }

  /** Rejects where no server answers. The driver by itself would never try again after a first connection that failed. */
  async connect(): Promise<void> {
    await this.client.connect()
  }

  get db(): Db {
    return this.client.db(this.address.database)
  }

  get runs(): Collection<RunDocument> {
    return this.db.collection(this.address.collection)
  }

  get metrics(): Collection<MetricDocument> {
    return this.db.collection('metrics')
  }

  /** What GridFS knows of its files. */
  get files(): Collection<GridFSFile> {
    return this.db.collection('fs.files')
  }

  /** Puts a file into GridFS. One that comes to half leaves chunks behind. */
  async upload(id: ObjectId, filename: string, content: Readable | Buffer, metadata?: Document): Promise<void> {
    const bucket = new this.driver.GridFSBucket(this.db)
    const file = bucket.openUploadStreamWithId(id, filename, metadata && { metadata })
    await pipeline(Buffer.isBuffer(content) ? Readable.from([content]) : content, file)
  }

  /** Never rejects, and waits for no server that is away. */
  async close(): Promise<void> {
    await Promise.race([this.client.close().catch(() => undefined), delay(CLOSE, undefined, { ref: false })])
  }
}

/** Our settings, but for those that the URL makes itself. */
function optionsFor(url: string, answer: number): MongoClientOptions {
  const ours: MongoClientOptions = {
    appName: 'sadaan-gpu',
    maxPoolSize: 3,
    connectTimeoutMS: answer,
    serverSelectionTimeoutMS: answer,
    socketTimeoutMS: 10 * answer, // a server that hangs
    w: 'majority', // what is acknowledged must not be lost by a server that dies
    wtimeoutMS: 10 * answer,
  }
  return Object.fromEntries(Object.entries(ours).filter(([name]) => !new RegExp(`[?&]${name}=`, 'i').test(url)))
}

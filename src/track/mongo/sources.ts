import { createHash } from 'node:crypto'
import { relative, resolve } from 'node:path'
import type { ObjectId } from 'mongodb'
import { readWhole } from '../../util/whole_file.ts'
import type { MongoConnection } from './connection.ts'

/** A source as Sacred names it: its path from the working directory, its file in GridFS. */
export type MongoSource = [path: string, file: ObjectId]

/** The sources of a run on their way into GridFS, under their full paths. One that is there already is named, not sent again. */
export class MongoSources {
  private readonly connection: MongoConnection
  private readonly pending: { path: string; content: Buffer }[]
  private readonly done: MongoSource[] = []

  /** Reads them; what is no file, or cannot be read, is left out. */
  constructor(connection: MongoConnection, paths: readonly string[]) {
    this.connection = connection
    this.pending = paths.flatMap(path => {
      const content = contentOf(path)
      return content === undefined ? [] : [{ path, content }]
    })
  }

  get waiting(): number {
    return this.pending.length
  }

  get listed(): MongoSource[] {
    return [...this.done]
  }

  /** Rejects when the server does not take them; what is left then waits on. */
  async send(): Promise<void> {
    for (let next = this.pending[0]; next; next = this.pending[0]) {
      const filename = resolve(next.path)
      const md5 = createHash('md5').update(next.content).digest('hex')
      const found = await this.connection.files.findOne({ filename, 'metadata.md5': md5 })
      const id = found?._id ?? new this.connection.driver.ObjectId()
      if (!found) await this.connection.upload(id, filename, next.content, { md5 })
      this.done.push([relative(process.cwd(), filename), id])
      this.pending.shift()
    }
  }
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readWhole(path)
  } catch {
    return undefined
  }
}

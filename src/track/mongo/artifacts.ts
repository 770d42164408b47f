import { closeSync, createReadStream } from 'node:fs'
import { extname } from 'node:path'
import type { ObjectId } from 'mongodb'
import { openInput } from '../../util/files/input_file.ts'
import type { Artifact } from '../observer.ts'
import type { MongoConnection } from './connection.ts'

/** What boards show by itself. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.csv': 'text/csv',
  '.txt': 'text/plain',
}
const MAX_WAITING = 16 // artifacts; an open file that was removed elsewhere still takes room on the disk

/** An open file, or its bytes. */
type Content = number | Buffer

/** The artifacts of a run on their way into GridFS. Of one name only the newest is kept, there and while it waits. */
export class MongoArtifacts {
  private readonly connection: MongoConnection
  private readonly pending = new Map<string, Content>()
  private readonly kept = new Map<string, ObjectId>()
  /** Files in GridFS that nothing names any more. */
  private obsolete: ObjectId[] = []
  /** Artifacts that had to go for newer ones before they were sent. */
  private dropped = 0
  private isUploading = false
  private isClosed = false

  constructor(connection: MongoConnection) {
    this.connection = connection
  }

  /** Takes the file as it is now: it stays open, so that one renamed over it changes nothing. Throws if it cannot be opened. */
  keep(artifact: Artifact): void {
    const content = 'path' in artifact ? openInput(artifact.path) : Buffer.from(artifact.bytes)
    release(this.pending.get(artifact.name))
    this.pending.delete(artifact.name)
    this.pending.set(artifact.name, content)
    if (this.pending.size <= MAX_WAITING) return
    const [[oldest, given]] = this.pending as unknown as [[string, Content]]
    release(given)
    this.pending.delete(oldest)
    this.dropped++
  }

  /** How many are not in the database. */
  get missing(): number {
    return this.waiting + this.dropped
  }

  get waiting(): number {
    return this.pending.size + (this.isUploading ? 1 : 0)
  }

  /** Nothing to upload nor to remove. */
  get isIdle(): boolean {
    return this.waiting === 0 && this.obsolete.length === 0
  }

  /** What the run's document lists. */
  get listed(): { name: string; file_id: ObjectId }[] {
    return [...this.kept].map(([name, file_id]) => ({ name, file_id }))
  }

  /** Uploads what waits. Rejects when the server does not take it; what is left then waits on. */
  async send(runId: number): Promise<void> {
    for (const [name, content] of this.pending) {
      this.pending.delete(name)
      this.isUploading = true
      try {
        await this.sendOne(name, content, runId)
        release(content)
      } catch (error) {
        // a newer one of the same name may have come meanwhile
        if (this.isClosed || this.pending.has(name)) release(content)
        else this.pending.set(name, content)
        throw error
      } finally {
        this.isUploading = false
      }
    }
  }

  private async sendOne(name: string, content: Content, runId: number): Promise<void> {
    const id = new this.connection.driver.ObjectId()
    this.obsolete.push(id) // until it is whole
    await this.upload(id, `artifact://${this.connection.address.collection}/${runId}/${name}`, content)
    const replaced = this.kept.get(name)
    this.kept.set(name, id)
    this.obsolete = this.obsolete.filter(other => other !== id).concat(replaced ?? [])
  }

  /** Removes what was replaced or came to half. Call it once the run's document names the new ones. */
  async removeObsolete(): Promise<void> {
    const { files, db } = this.connection
    for (let id = this.obsolete[0]; id; id = this.obsolete[0]) {
      await files.deleteOne({ _id: id })
      await db.collection('fs.chunks').deleteMany({ files_id: id })
      this.obsolete.shift()
    }
  }

  private async upload(id: ObjectId, filename: string, content: Content): Promise<void> {
    const bytes =
      typeof content === 'number' ? createReadStream('', { fd: content, start: 0, autoClose: false }) : content
    await this.connection.upload(id, filename, bytes)
    const contentType = CONTENT_TYPES[extname(filename)]
    if (contentType) await this.connection.files.updateOne({ _id: id }, { $set: { contentType } })
  }

  /** Lets go of what waits. */
  close(): void {
    this.isClosed = true
    for (const content of this.pending.values()) release(content)
    this.pending.clear()
  }
}

function release(content: Content | undefined): void {
  if (typeof content === 'number') closeSync(content)
}

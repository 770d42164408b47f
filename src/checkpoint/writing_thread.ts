import type { Worker } from 'node:worker_threads'
import { startThread } from '../util/thread.ts'
import type { Checkpoint } from './checkpoint.ts'
import { WriteError } from './file.ts'

export interface WriteJob {
  id: number
  checkpoint: Checkpoint
  /** in the order in which they are written */
  paths: string[]
}

export interface WriteReply {
  id: number
  /** one line: path and reason */
  error?: string
}

interface Pending {
  paths: string[]
  resolve(): void
  reject(reason: Error): void
}

/** Writes checkpoints in a thread of its own, one after another: pickling, hashing and syncing cost the caller nothing. */
export class WritingThread {
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #nextId = 0

  /**
   * Writes the checkpoint to each path, atomically, and resolves when the last is on the disk. Its tensors are moved to the thread: the
   * caller must not touch them any more. Rejects with WriteError; the files from the failing one on are then what they were.
   */
  write(paths: string[], checkpoint: Checkpoint): Promise<void> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#pending.set(id, { paths, resolve, reject })
      this.#worker ??= this.#start()
      this.#worker.ref() // while something is being written the process must live
      const job: WriteJob = { id, checkpoint, paths }
      this.#worker.postMessage(job, buffersOf(checkpoint))
    })
  }

  /** Ends the thread; what it has not written is not written any more. */
  async close(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
    this.#failAll('the writing thread was closed')
  }

  #start(): Worker {
    const worker = startThread(import.meta.url, 'write')
    let cause: Error | undefined
    worker.on('message', (reply: WriteReply) => this.#receive(reply))
    worker.on('error', error => {
      cause = error
    })
    worker.on('exit', code => {
      if (this.#worker !== worker) return
      this.#worker = undefined
      this.#failAll(`the writing thread died: ${cause?.message ?? `it ended with code ${code}`}`)
    })
    return worker
  }

  #receive({ id, error }: WriteReply): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (this.#pending.size === 0) this.#worker?.unref()
    if (error === undefined) pending?.resolve()
    else pending?.reject(new WriteError(error))
  }

  #failAll(reason: string): void {
    for (const { paths, reject } of this.#pending.values())
      reject(new WriteError(`${paths.join(', ')}: cannot be written (${reason})`))
    this.#pending.clear()
  }
}

function buffersOf({ model, optimizer }: Checkpoint): ArrayBuffer[] {
  const moments = [...(optimizer?.state.values() ?? [])].flatMap(state => [state.exp_avg, state.exp_avg_sq])
  return [...new Set([...model.values(), ...moments].map(({ data }) => data.buffer as ArrayBuffer))]
}

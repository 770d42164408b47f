import type { Worker } from 'node:worker_threads'
import { startThread } from '../util/thread.ts'
import type { Drawing, Subject } from './drawing.ts'

export interface DrawingOrder {
  id: number
  subject: Subject
}

export type DrawingReply = { id: number; drawing: Drawing } | { id: number; error: string }

interface Pending {
  resolve(drawing: Drawing): void
  reject(reason: Error): void
}

/** Draws in a thread of its own, so that nobody waits for a picture. The thread starts with the first and keeps no process alive by itself. */
export class Artist {
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #nextId = 0

  /** Pictures come in the order asked for. Rejects where one cannot be drawn, or the thread died. */
  draw(subject: Subject): Promise<Drawing> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#pending.set(id, { resolve, reject })
      this.#worker ??= this.#start()
      this.#worker.ref() // while a picture is awaited the process must live
      this.#worker.postMessage({ id, subject } satisfies DrawingOrder)
    })
  }

  #start(): Worker {
    const worker = startThread(import.meta.url, 'artist')
    let cause: Error | undefined
    worker.on('message', (reply: DrawingReply) => this.#receive(reply))
    worker.on('error', error => {
      cause = error
    })
    worker.on('exit', code => {
      this.#worker = undefined
      const reason = cause ?? new Error(`the drawing thread ended with code ${code}`)
      for (const { reject } of this.#pending.values()) reject(reason)
      this.#pending.clear()
    })
    return worker
  }

  #receive(reply: DrawingReply): void {
    const pending = this.#pending.get(reply.id)
    this.#pending.delete(reply.id)
    if (this.#pending.size === 0) this.#worker?.unref()
    if ('drawing' in reply) pending?.resolve(reply.drawing)
    else pending?.reject(new Error(reply.error))
  }
}

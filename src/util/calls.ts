import type { Transferable, Worker } from 'node:worker_threads'
import { startThread } from './thread.ts'

/** What the thread gets, and what it answers. */
export interface Call<Request> {
  id: number
  request: Request
}
export type Answer<Result> = { id: number; result: Result } | { id: number; error: string }

interface Pending<Result> {
  resolve(result: Result): void
  reject(reason: Error): void
}

/** The thread ended with calls unanswered. */
export class ThreadEndedError extends Error {
  override name = 'ThreadEndedError'
}

/** Calls that a thread answers, in the order asked. It starts with the first and keeps the process alive only while one is unanswered. */
export class Calls<Request, Result> {
  private readonly start: () => Worker
  private readonly title: string
  private readonly pending = new Map<number, Pending<Result>>()
  private worker: Worker | undefined
  private nextId = 0

  /** `beside` and `name` as startThread has them; `title` is what errors call the thread. */
  constructor(beside: string, name: string, title: string) {
    this.start = () => startThread(beside, name)
    this.title = title
  }

  /** Rejects with what the thread answers as an error, or with ThreadEndedError. What is in `moved` is the thread's from now on. */
  ask(request: Request, moved: readonly Transferable[] = []): Promise<Result> {
    return new Promise((resolve, reject) => {
      const id = this.nextId++
      this.pending.set(id, { resolve, reject })
      this.worker ??= this.hire()
      this.worker.ref()
      this.worker.postMessage({ id, request } satisfies Call<Request>, moved)
    })
  }

  /** Ends the thread; what it has not answered is not answered any more. */
  async close(): Promise<void> {
    const { worker } = this
    this.worker = undefined
    await worker?.terminate()
    this.failAll(`${this.title} was closed`)
  }

  private hire(): Worker {
    const worker = this.start()
    let cause: Error | undefined
    worker.on('message', (answer: Answer<Result>) => this.receive(answer))
    worker.on('error', error => {
      cause = error
    })
    worker.on('exit', code => {
      if (this.worker !== worker) return
      this.worker = undefined
      this.failAll(`${this.title} died: ${cause?.message ?? `it ended with code ${code}`}`)
    })
    return worker
  }

  private receive(answer: Answer<Result>): void {
    const pending = this.pending.get(answer.id)
    this.pending.delete(answer.id)
    if (this.pending.size === 0) this.worker?.unref()
    if ('error' in answer) pending?.reject(new Error(answer.error))
    else pending?.resolve(answer.result)
  }

  private failAll(reason: string): void {
    for (const { reject } of this.pending.values()) reject(new ThreadEndedError(reason))
    this.pending.clear()
  }
}

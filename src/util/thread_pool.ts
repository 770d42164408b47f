import type { Transferable, Worker } from 'node:worker_threads'
import { messageOf } from './error.ts'
import { type Answer, type Call, startThread } from './thread.ts'

export interface ThreadPoolOptions {
  /** import.meta.url of a module in the folder of the worker file */
  beside: string
  /** of the worker file: `<name>.worker` */
  name: string
  /** what errors call a thread of this pool */
  title: string
  /** Number of threads. Default: 1. */
  size?: number
}

interface Pending<Result> {
  resolve(result: Result): void
  reject(reason: Error): void
}

/**
 * Threads that answer requests (`serve` in their worker file). A thread starts with its first request and keeps the process alive only
 * while it has requests to answer. The result of a request must not depend on the thread that answers it.
 */
export class ThreadPool<Request, Result> {
  private readonly threads: readonly PoolThread<Request, Result>[]

  constructor(options: ThreadPoolOptions) {
    this.threads = Array.from({ length: options.size ?? 1 }, () => new PoolThread<Request, Result>(options))
  }

  get size(): number {
    return this.threads.length
  }

  /** number of unanswered requests */
  get load(): number {
    return this.threads.reduce((sum, { load }) => sum + load, 0)
  }

  /**
   * Gives the request to the thread with the fewest unanswered ones, which answers them in order, and transfers the objects in `transfer` to
   * it. Rejects with the error that the worker threw, by name and message, or with one that says how the thread ended. A later request
   * starts the thread again.
   */
  ask(request: Request, transfer: readonly Transferable[] = []): Promise<Result> {
    const idlest = this.threads.reduce((best, each) => (each.load < best.load ? each : best))
    return idlest.ask(request, transfer)
  }

  /** Ends all threads. Unanswered requests are rejected. */
  async close(): Promise<void> {
    await Promise.all(this.threads.map(thread => thread.close()))
  }
}

class PoolThread<Request, Result> {
  private readonly options: ThreadPoolOptions
  private readonly pending = new Map<number, Pending<Result>>()
  private worker: Worker | undefined
  private nextId = 0

  constructor(options: ThreadPoolOptions) {
    this.options = options
  }

  /** number of unanswered requests */
  get load(): number {
    return this.pending.size
  }

  ask(request: Request, transfer: readonly Transferable[]): Promise<Result> {
    return new Promise((resolve, reject) => {
      const id = this.nextId++
      this.pending.set(id, { resolve, reject })
      this.worker ??= this.start()
      this.worker.ref()
      this.worker.postMessage({ id, request } satisfies Call<Request>, transfer)
    })
  }

  async close(): Promise<void> {
    const { worker } = this
    this.worker = undefined
    await worker?.terminate()
    this.rejectAll(`${this.options.title} was closed`)
  }

  private start(): Worker {
    const worker = startThread(this.options.beside, this.options.name)
    let cause: string | undefined
    worker.on('message', (answer: Answer<Result>) => this.receive(answer))
    worker.on('error', error => {
      cause = messageOf(error)
    })
    worker.on('exit', code => {
      if (this.worker !== worker) return
      this.worker = undefined
      this.rejectAll(`${this.options.title} died: ${cause ?? `it ended with code ${code}`}`)
    })
    return worker
  }

  private receive(answer: Answer<Result>): void {
    const pending = this.pending.get(answer.id)
    this.pending.delete(answer.id)
    if (this.pending.size === 0) this.worker?.unref()
    if ('error' in answer) pending?.reject(Object.assign(new Error(answer.error.message), { name: answer.error.name }))
    else pending?.resolve(answer.result)
  }

  private rejectAll(reason: string): void {
    for (const { reject } of this.pending.values()) reject(new Error(reason))
    this.pending.clear()
  }
}

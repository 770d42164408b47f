import type { Worker } from 'node:worker_threads'
import { InputError } from '../../util/error.ts'
import type { ImageSize } from '../../util/shape.ts'
import { startThread } from '../../util/thread.ts'
import type { SampleDigests } from '../dataset/split.ts'

/** One sample to be decoded, and where to. */
export interface SampleJob {
  /** of the split */
  path: string
  imageSize: ImageSize
  sample: number
  image: Float32Array // (C, H, W, D)
  maskBits: Uint32Array // (S, V/32)
  /** what the sample is to be, where that was recorded and has not been checked yet */
  recorded?: SampleDigests
}

/** Without a job the thread only makes itself ready. */
export interface DecodeRequest {
  id: number
  job?: SampleJob
}

export interface DecodeReply {
  id: number
  /** One line, when the sample could not be decoded. */
  error?: string
}

/** The request that every thread gets first: its answer says that the thread runs. */
const START = -1
/** A thread may take so long to start, however little its samples may: seconds. */
const START_SECONDS = 60

interface Pending {
  job: SampleJob | undefined
  resolve(): void
  reject(reason: Error): void
}

/**
 * One worker thread that decodes samples in the order asked for, straight into memory that both threads see. One that dies or gives no
 * answer for `hangSeconds` is replaced by another, which gets the same samples in the same order; if that one fails before it gave a
 * sample, they fail.
 */
export class DecoderThread {
  private readonly hangSeconds: number
  private readonly pending = new Map<number, Pending>()
  private worker: Worker | undefined
  private nextId = 0
  private hasStarted = false
  private hasFailed = false
  private watch: NodeJS.Timeout | undefined
  private ticks = 0

  constructor(hangSeconds: number) {
    this.hangSeconds = hangSeconds
  }

  /** Samples asked for and not yet given. */
  get load(): number {
    return this.pending.size
  }

  /** Loads HDF5; does not keep the process alive. */
  prepare(): Promise<void> {
    return this.ask(undefined)
  }

  /** Rejects with InputError when the sample cannot be decoded, with Error when the thread failed twice. */
  decode(job: SampleJob): Promise<void> {
    const done = this.ask(job)
    this.worker!.ref() // while a sample is awaited the process must live
    return done
  }

  async close(): Promise<void> {
    const { worker } = this
    this.worker = undefined
    this.failAll(new Error('the loader was closed'))
    await worker?.terminate()
  }

  private ask(job: SampleJob | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const id = this.nextId++
      this.pending.set(id, { job, resolve, reject })
      this.worker ??= this.start()
      this.post(id, job)
    })
  }

  private post(id: number, job: SampleJob | undefined): void {
    this.worker!.postMessage({ id, ...(job && { job }) } satisfies DecodeRequest)
    if (this.watch) return
    this.ticks = 0
    // Two ticks without an answer: after a pause of the whole process the first one comes before the answers that wait.
    this.watch = setInterval(() => this.tick(), (this.hangSeconds / 2) * 1000).unref()
  }

  private start(): Worker {
    const worker = startThread(import.meta.url, 'decode')
    worker.unref()
    worker.postMessage({ id: START } satisfies DecodeRequest)
    this.hasStarted = false
    let cause: Error | undefined
    worker.on('message', (reply: DecodeReply) => {
      // what a thread that was replaced still says counts for nothing: another one decodes that sample
      if (this.worker === worker) this.receive(reply)
    })
    worker.on('error', error => {
      cause = error
    })
    worker.on('exit', code => {
      if (this.worker === worker) this.replace(cause?.message ?? `it ended with code ${code}`)
    })
    return worker
  }

  private receive({ id, error }: DecodeReply): void {
    this.ticks = 0
    this.hasStarted = true
    if (id === START) return
    const pending = this.pending.get(id)!
    if (pending.job) this.hasFailed = false
    this.forget(id)
    if (error === undefined) pending.resolve()
    else pending.reject(new InputError(error))
  }

  private forget(id: number): void {
    this.pending.delete(id)
    if (this.pending.size > 0) return
    this.unwatch()
    this.worker?.unref()
  }

  private tick(): void {
    const silent = (++this.ticks * this.hangSeconds) / 2
    if (this.ticks < 2 || (!this.hasStarted && silent < START_SECONDS)) return
    const { worker } = this
    this.worker = undefined
    // Not waited for: a thread that hangs in a call of the system ends when that returns, and runs no code of ours any more.
    void worker?.terminate()
    this.replace(`it gave no answer for ${this.hangSeconds} s`)
  }

  private replace(cause: string): void {
    this.worker = undefined
    this.unwatch()
    if (this.hasFailed) {
      const [first] = [...this.pending.values()].flatMap(({ job }) => job ?? [])
      const where = first ? `${first.path}: sample ${first.sample}: ` : ''
      this.failAll(new Error(`${where}a decoding thread failed twice: ${cause}`))
      return
    }
    this.hasFailed = true
    if (this.pending.size === 0) return
    this.worker = this.start()
    for (const [id, { job }] of this.pending) this.post(id, job)
    if ([...this.pending.values()].some(({ job }) => job)) this.worker.ref()
  }

  private failAll(reason: Error): void {
    this.unwatch()
    for (const { reject } of this.pending.values()) reject(reason)
    this.pending.clear()
  }

  private unwatch(): void {
    clearInterval(this.watch)
    this.watch = undefined
  }
}

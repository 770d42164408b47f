import type { Worker } from 'node:worker_threads'
import { InputError } from '../../util/error.ts'
import type { ImageSize } from '../../util/shape.ts'
import { startThread } from '../../util/thread.ts'
import type { SampleDigests } from '../dataset/split.ts'
import type { PatchPlace } from './patch_place.ts'

/** A sample to decode, and its destination. */
export interface SampleJob {
  /** of the split */
  path: string
  imageSize: ImageSize
  sample: number
  image: Float32Array // (C, H, W, D)
  maskBits: Uint32Array // (S, V/32)
  /** as in Split */
  masksAt?: readonly number[] | undefined
  /** a patch of `imageSize` is cut out of the sample there; undefined: the sample is resampled to `imageSize` if it has another size */
  place?: PatchPlace | undefined
  /** recorded digests to check; undefined if none were recorded or they have been checked */
  recorded?: SampleDigests
}

/** Without a job the thread only loads HDF5. */
export interface DecodeRequest {
  id: number
  job?: SampleJob
}

export interface DecodeReply {
  id: number
  /** one line, if the sample could not be decoded */
  error?: string
}

/** Id of the first request to every thread; the answer shows that the thread runs. */
const START = -1
/** Seconds that a thread may take to start, whatever `hangSeconds` is. */
const START_SECONDS = 60

interface Pending {
  job: SampleJob | undefined
  resolve(): void
  reject(reason: Error): void
}

/**
 * One worker thread that decodes samples, in the order of the requests, directly into shared memory. If it dies or does not answer for
 * `hangSeconds`, another thread replaces it and gets the same samples in the same order; if that one fails before its first sample, they
 * fail. Not a ThreadPool, which neither repeats requests (their memory may have been transferred) nor watches for hangs.
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

  /** number of unanswered requests */
  get load(): number {
    return this.pending.size
  }

  /** Loads HDF5 without keeping the process alive. */
  prepare(): Promise<void> {
    return this.ask(undefined)
  }

  /** Rejects with InputError if the sample cannot be decoded, with Error if the thread failed twice. */
  decode(job: SampleJob): Promise<void> {
    const done = this.ask(job)
    this.worker!.ref() // keeps the process alive while a sample is awaited
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
    // Two ticks without an answer, because after a pause of the whole process the first tick precedes the waiting answers.
    this.watch = setInterval(() => this.tick(), (this.hangSeconds / 2) * 1000).unref()
  }

  private start(): Worker {
    const worker = startThread(import.meta.url, 'decode')
    worker.unref()
    worker.postMessage({ id: START } satisfies DecodeRequest)
    this.hasStarted = false
    let cause: Error | undefined
    worker.on('message', (reply: DecodeReply) => {
      // Ignores late answers of a replaced thread: its successor decodes those samples.
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
    // Not awaited: a thread that hangs in a system call ends when the call returns, without running any more of our code.
    void worker?.terminate()
    this.replace(`it did not answer for ${this.hangSeconds} s`)
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

import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { InputError } from '../../util/error.ts'
import type { SampleDigests } from '../dataset/split.ts'
import { SampleDecoder } from './decoder.ts'
import { DecoderThread, type SampleJob } from './decoder_thread.ts'
import { HostBufferPool, type HostBuffers } from './host_buffers.ts'
import type { PatchPlace } from './patch_place.ts'

export interface DecodersOptions {
  /** Maximum number of threads; 0 decodes in the calling thread. */
  threads: number
  /** Number of batches after which unused batch memory is freed. */
  cleanupFrequency: number
  /** Total seconds of waiting for batches after which another thread starts; about the cost of starting one. */
  patience?: number
  /** Seconds without an answer after which a thread is replaced. */
  hangSeconds?: number
}

/** A batch of samples of one split. */
export interface BatchRequest {
  path: string
  imageSize: SampleJob['imageSize']
  /** their rows in the file */
  samples: readonly number[]
  batchSize: number
  /** number of elements in one sample's image (C, H, W, D) */
  imageLength: number
  /** number of words in one sample's masks (S, V/32) */
  maskWords: number
  /** as in Split */
  masksAt?: readonly number[] | undefined
  /** of each of `samples`, if they are patches */
  places?: readonly PatchPlace[] | undefined
  /** of each of `samples`, if recorded; each is checked when it is first decoded */
  digests?: readonly SampleDigests[] | undefined
}

interface Queued {
  job: SampleJob
  resolve(): void
  reject(reason: Error): void
}

/** Batches that threads decode ahead of the one in use: the next one, and one in progress. */
const AHEAD = 2
/** Samples that each thread has at once: it works on one while the next waits. */
const QUEUED_PER_THREAD = 2
const DEFAULTS = { patience: 0.5, hangSeconds: 120 }

/** Number of useful threads out of `workers`: at most one per core and per sample decoded ahead. */
export function usefulThreads(workers: number, batchSize: number, cores = availableParallelism()): number {
  return Math.min(workers, AHEAD * batchSize, cores)
}

/**
 * Decodes batches sample by sample on as many threads as are worthwhile. Memory is fixed, whatever the number of threads: AHEAD batches and
 * the one in use. A batch does not depend on which threads decode its samples.
 */
export class Decoders {
  /** Number of batches to request ahead of need. */
  readonly ahead: number
  readonly buffers: HostBufferPool
  private readonly options: Required<DecodersOptions>
  private readonly queue: Queued[] = []
  private readonly members: (DecoderThread | MainThreadDecoder)[] = []
  /** a thread that is starting and will become a member */
  private coming: DecoderThread | undefined
  private isClosed = false
  /** samples that matched their digests, as `path sample` */
  private readonly checked = new Set<string>()
  private batches = 0
  /** seconds of waiting since the newest thread was ready */
  private waited = 0
  private waitingSince: number | undefined

  /** Starts the first thread at once, so that it is ready when the first batch is needed. */
  constructor(options: DecodersOptions) {
    this.options = { ...DEFAULTS, ...options }
    this.buffers = new HostBufferPool(options.threads > 0)
    this.ahead = options.threads > 0 ? AHEAD : 0
    if (options.threads === 0) this.members.push(new MainThreadDecoder())
    else this.begin()
  }

  /** Number of threads that take samples. */
  get threads(): number {
    return this.members.filter(member => member instanceof DecoderThread).length
  }

  /**
   * Decodes a batch; padding after its samples is 0. The caller recycles the returned buffers. Rejects with the InputError of the first
   * sample that cannot be decoded.
   */
  async decode(batch: BatchRequest): Promise<HostBuffers> {
    if (++this.batches % this.options.cleanupFrequency === 0) this.buffers.trim()
    const { samples, batchSize, imageLength, maskWords } = batch
    const buffers = this.buffers.take({ images: batchSize * imageLength, maskBits: batchSize * maskWords })
    const jobs = samples.map((sample, slot) =>
      this.decodeChecked(jobOf(batch, sample, slot, buffers), batch.digests?.[slot]),
    )
    this.dispatch()
    buffers.images.fill(0, samples.length * imageLength)
    buffers.maskBits.fill(0, samples.length * maskWords)
    const failed = (await Promise.allSettled(jobs)).find(({ status }) => status === 'rejected')
    if (!failed) return buffers
    this.buffers.recycle(buffers)
    throw (failed as PromiseRejectedResult).reason
  }

  /** Waits for a batch that is needed now, and records how long. */
  async wait(batch: Promise<HostBuffers>): Promise<HostBuffers> {
    const since = performance.now()
    this.waitingSince = since
    try {
      return await batch
    } finally {
      this.waited += this.waitingNow()
      this.waitingSince = undefined
    }
  }

  /** Ends all threads. */
  async close(): Promise<void> {
    this.isClosed = true
    this.giveUp(new Error('the loader was closed'))
    await Promise.all([...this.members, this.coming].map(member => member?.close()))
  }

  private async decodeChecked(job: SampleJob, recorded: SampleDigests | undefined): Promise<void> {
    const sample = `${job.path} ${job.sample}`
    if (!recorded || this.checked.has(sample)) return this.enqueue(job)
    await this.enqueue({ ...job, recorded })
    this.checked.add(sample)
  }

  private enqueue(job: SampleJob): Promise<void> {
    return new Promise((resolve, reject) => {
      this.queue.push({ job, resolve, reject })
    })
  }

  /** Gives the oldest samples to the least busy threads. */
  private dispatch(): void {
    while (this.queue.length > 0) {
      const member = this.members.reduce((least, each) => (each.load < least.load ? each : least))
      if (member.load >= QUEUED_PER_THREAD) break
      const { job, resolve, reject } = this.queue.shift()!
      const failed = (reason: Error): void => {
        reject(reason)
        if (!(reason instanceof InputError)) this.giveUp(reason)
      }
      member
        .decode(job)
        .then(resolve, failed)
        .finally(() => this.dispatch())
    }
    const unfinished = this.members.reduce((sum, { load }) => sum + load, this.queue.length)
    const isBehind = this.waited + this.waitingNow() > this.options.patience
    if (isBehind && unfinished > this.members.length) this.grow()
  }

  /** Rejects all samples that still wait for a thread. */
  private giveUp(reason: Error): void {
    for (const { reject } of this.queue.splice(0)) reject(reason)
  }

  private waitingNow(): number {
    return this.waitingSince === undefined ? 0 : (performance.now() - this.waitingSince) / 1000
  }

  private begin(): void {
    const first = new DecoderThread(this.options.hangSeconds)
    this.members.push(first)
    first.prepare().then(
      () => this.forgetWaiting(),
      () => undefined, // the next request to the thread reports the failure
    )
  }

  private forgetWaiting(): void {
    this.waited = 0
    if (this.waitingSince !== undefined) this.waitingSince = performance.now()
  }

  /** Starts one thread at a time, which becomes a member once it is ready. If it fails, the others go on without it. */
  private grow(): void {
    if (this.members.length >= this.options.threads || this.coming || this.isClosed) return
    const thread = new DecoderThread(this.options.hangSeconds)
    this.coming = thread
    thread
      .prepare()
      .then(() => !this.isClosed && this.join(thread))
      .catch(() => undefined)
      .finally(() => {
        this.coming = undefined
      })
  }

  private join(thread: DecoderThread): void {
    this.members.push(thread)
    this.forgetWaiting()
    this.dispatch()
  }
}

function jobOf(
  { path, imageSize, imageLength, maskWords, masksAt, places }: BatchRequest,
  sample: number,
  slot: number,
  { images, maskBits }: HostBuffers,
): SampleJob {
  return {
    path,
    imageSize,
    sample,
    image: images.subarray(slot * imageLength, (slot + 1) * imageLength),
    maskBits: maskBits.subarray(slot * maskWords, (slot + 1) * maskWords),
    masksAt,
    place: places?.[slot],
  }
}

/** Decodes in the calling thread, with the interface of DecoderThread. */
class MainThreadDecoder {
  load = 0
  private readonly samples = new SampleDecoder()

  /** Lets pending events run first. Rejects with InputError if the sample cannot be decoded. */
  async decode(job: SampleJob): Promise<void> {
    this.load++
    try {
      await setImmediate()
      await this.samples.decode(job)
    } finally {
      this.load--
    }
  }

  close(): Promise<void> {
    return this.samples.close()
  }
}

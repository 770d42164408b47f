import type { Worker } from 'node:worker_threads'
import { InputError } from '../util/error.ts'
import { startThread } from '../util/thread.ts'
import type { ImageSize } from './dataset.ts'

/** What a decoding thread works on, fixed for its life. */
export interface DecoderSetup {
  path: string
  imageSize: ImageSize
  batchSize: number
  /** Numbers of one sample's image (C, H, W, D). */
  imageLength: number
  /** Words of one sample's masks (S, V/32). */
  maskWords: number
}

export interface DecodeJob {
  id: number
  samples: number[]
  images: ArrayBuffer
  maskBits: ArrayBuffer
}

export interface DecodeReply {
  id: number
  images: ArrayBuffer
  maskBits: ArrayBuffer
  /** One line, when a sample could not be decoded. */
  error?: string
}

interface Pending {
  samples: number[]
  resolve(reply: DecodeReply): void
  reject(reason: Error): void
}

/**
 * One worker thread that decodes batches in the order asked for. Buffers are transferred there and back, never copied
 * (the WebGPU binding cannot upload from shared memory, so a SharedArrayBuffer would cost a copy of each batch).
 * A thread that dies is started again with the same batches; when it dies twice without a batch between, they fail.
 */
export class DecoderThread {
  readonly #setup: DecoderSetup
  readonly #pending = new Map<number, Pending>()
  readonly #free: { images: ArrayBuffer; maskBits: ArrayBuffer }[] = []
  #worker: Worker | undefined
  #nextId = 0
  #hasDied = false

  /** Starts the thread, so that it is ready by the time the first batch is wanted. */
  constructor(setup: DecoderSetup) {
    this.#setup = setup
    this.#worker = this.#start()
    this.#worker.unref()
  }

  /** Decodes these samples, at most a batch. Rejects with InputError when one cannot be decoded. */
  decode(samples: number[]): Promise<DecodeReply> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#pending.set(id, { samples, resolve, reject })
      this.#worker ??= this.#start()
      this.#post(id, samples)
    })
  }

  /** Gives a batch's buffers back for reuse; they must not be touched afterwards. */
  recycle({ images, maskBits }: { images: ArrayBuffer; maskBits: ArrayBuffer }): void {
    this.#free.push({ images, maskBits })
  }

  async close(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
    this.#failAll(new Error('the loader was closed'))
  }

  #post(id: number, samples: number[]): void {
    const { batchSize, imageLength, maskWords } = this.#setup
    const { images, maskBits } = this.#free.pop() ?? {
      images: new ArrayBuffer(batchSize * imageLength * 4),
      maskBits: new ArrayBuffer(batchSize * maskWords * 4),
    }
    const job: DecodeJob = { id, samples, images, maskBits }
    this.#worker!.ref() // while a batch is awaited the process must live
    this.#worker!.postMessage(job, [images, maskBits])
  }

  #start(): Worker {
    const worker = startThread(import.meta.url, 'decode', this.#setup)
    let cause: Error | undefined
    worker.on('message', (reply: DecodeReply) => this.#receive(reply))
    worker.on('error', error => {
      cause = error
    })
    worker.on('exit', code => {
      if (this.#worker === worker) this.#restart(cause ?? new Error(`it ended with code ${code}`))
    })
    return worker
  }

  #receive(reply: DecodeReply): void {
    this.#hasDied = false
    const pending = this.#pending.get(reply.id)
    this.#pending.delete(reply.id)
    if (this.#pending.size === 0) this.#worker?.unref()
    if (reply.error === undefined) pending?.resolve(reply)
    else {
      this.recycle(reply)
      pending?.reject(new InputError(reply.error))
    }
  }

  #restart(cause: Error): void {
    this.#worker = undefined
    if (this.#hasDied) {
      this.#failAll(new Error(`${this.#setup.path}: the decoding thread died twice: ${cause.message}`))
      return
    }
    this.#hasDied = true
    if (this.#pending.size === 0) return
    this.#worker = this.#start()
    for (const [id, { samples }] of this.#pending) this.#post(id, samples)
  }

  #failAll(reason: Error): void {
    for (const { reject } of this.#pending.values()) reject(reason)
    this.#pending.clear()
  }
}

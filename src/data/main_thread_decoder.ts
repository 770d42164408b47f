import { setImmediate } from 'node:timers/promises'
import type { SampleJob } from './loader/decoder_thread.ts'
import { SampleDecoder } from './sample_decoder.ts'

/** Decodes in the calling thread, as a DecoderThread does in its own. */
export class MainThreadDecoder {
  /** the heap is that of the process, which cannot be renewed */
  readonly heapExcess = Number.NEGATIVE_INFINITY
  load = 0
  private readonly samples = new SampleDecoder()

  /** Lets whatever waits have its turn first. Rejects with InputError when the sample cannot be decoded. */
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

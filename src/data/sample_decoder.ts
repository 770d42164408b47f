import { Decoder } from './loader/decoder.ts'
import type { SampleJob } from './loader/decoder_thread.ts'

/** Decodes samples of any files in the thread that it is made in, and keeps the files open. */
export class SampleDecoder {
  private readonly files = new Map<string, Promise<Decoder>>()

  /** Files opened so far. */
  get opened(): number {
    return this.files.size
  }

  /** Throws InputError when the sample cannot be decoded. */
  async decode({ path, imageSize, sample, image, maskBits, recorded }: SampleJob): Promise<void> {
    const key = `${path} ${imageSize}`
    if (!this.files.has(key)) this.files.set(key, Decoder.open(path, imageSize))
    const decoder = await this.files.get(key)!
    decoder.decode(sample, image, maskBits, recorded)
  }

  async close(): Promise<void> {
    const files = await Promise.allSettled(this.files.values())
    this.files.clear()
    for (const file of files) if (file.status === 'fulfilled') file.value.close()
  }
}

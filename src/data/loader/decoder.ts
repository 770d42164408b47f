import { InputError } from '../../util/error.ts'
import { type ImageSize, sizeOf } from '../../util/shape.ts'
import { checkDigest } from '../dataset/hashes.ts'
import { ImageReader } from '../dataset/image_reader.ts'
import type { SampleDigests } from '../dataset/split.ts'
import { masksOf } from '../dataset/volumes.ts'
import { Hdf5File, type NumericArray } from '../hdf5/file.ts'
import { cutPatch } from '../scan/patches.ts'
import { resampleLabels } from '../scan/resample.ts'
import type { SampleJob } from './decoder_thread.ts'
import { type PatchPlace, type StoredFrame, startOf } from './patch_place.ts'

interface DecodeOptions {
  recorded?: SampleDigests | undefined
  masksAt?: SampleJob['masksAt']
}

/** Reads samples, or patches of them, of one split file in the GPU's format: float32 images, masks packed to bits. */
export class Decoder {
  private readonly file: Hdf5File
  private readonly images: ImageReader
  private readonly masks: ReturnType<typeof masksOf>
  private readonly allMasks: readonly number[]
  /** the last sample that a patch was cut out of: the next patch may be of the same */
  private held: { index: number; frame: StoredFrame } | undefined

  private constructor(file: Hdf5File, size?: ImageSize) {
    this.file = file
    this.images = new ImageReader(file, size)
    this.masks = masksOf(file, this.images.stored)
    this.allMasks = Array.from({ length: this.masks.shape[1]! }, (_, s) => s)
  }

  /** `size` is the size of the decoded samples; stored samples of another size are resampled. Without a size, they stay as they are. */
  static async open(path: string, size?: ImageSize): Promise<Decoder> {
    return new Decoder(await Hdf5File.open(path), size)
  }

  /**
   * Decodes sample `index` into `image` (C, H, W, D) and `maskBits` (S, H·W·D/32), whose structures `masksAt` finds in the file.
   * Throws InputError with file, dataset and sample: corrupt chunk, empty image, non-finite voxel, mask value other than
   * 0 and 1, or a digest other than `recorded`.
   */
  decode(
    index: number,
    image: Float32Array,
    maskBits: Uint32Array,
    { recorded, masksAt = this.allMasks }: DecodeOptions = {},
  ): void {
    this.images.read(index, image, recorded?.images)
    this.decodeMasks(index, maskBits, masksAt, recorded?.masks)
  }

  /** Decodes a patch of sample `index`, of a file that was opened without a size. `size` is that of the patch; all else is as in `decode`. */
  decodePatch(
    index: number,
    { place, size }: { place: PatchPlace; size: ImageSize },
    image: Float32Array,
    maskBits: Uint32Array,
    { recorded, masksAt = this.allMasks }: DecodeOptions = {},
  ): void {
    const frame = this.frameAt(index, recorded)
    const start = startOf(place, frame, size)
    const [from, to] = [sizeOf(frame.size), sizeOf(size)]
    for (let c = 0; c < this.images.stored.channels; c++)
      cutPatch(frame.image.subarray(c * from, (c + 1) * from), frame.size, start, size, image.subarray(c * to))
    const mask = new Uint8Array(to)
    for (const [s, at] of masksAt.entries()) {
      const bits = maskBits.subarray((s * to) / 32, ((s + 1) * to) / 32)
      if (at >= 0) cutPatch(frame.masks.subarray(at * from, (at + 1) * from), frame.size, start, size, mask)
      else mask.fill(0)
      this.pack(mask, bits, index, at)
    }
  }

  close(): void {
    this.file.close()
  }

  private frameAt(index: number, recorded?: SampleDigests): StoredFrame {
    const { held } = this
    if (held?.index === index) return held.frame
    this.held = undefined // until the sample has been read without an error
    const { channels, imageSize } = this.images.stored
    const image = held?.frame.image ?? new Float32Array(channels * sizeOf(imageSize))
    this.images.read(index, image, recorded?.images)
    const { buffer, byteOffset, byteLength } = this.storedMasks(index, recorded?.masks)
    const frame = { size: imageSize, image, masks: new Uint8Array(buffer, byteOffset, byteLength) }
    this.held = { index, frame }
    return frame
  }

  /** (S, H, W, D) as stored, one byte a voxel */
  private storedMasks(index: number, recorded?: string): NumericArray {
    const stored = this.file.read(this.masks, index, 1)
    if (recorded !== undefined) checkDigest(this.file, 'masks', index, stored, recorded)
    return stored
  }

  private decodeMasks(index: number, maskBits: Uint32Array, masksAt: readonly number[], recorded?: string): void {
    const stored = this.storedMasks(index, recorded)
    const { stored: images, size, isResampled } = this.images
    const { imageSize } = images
    const [from, to] = [sizeOf(imageSize), sizeOf(size)]
    const words = to / 32
    const resampled = new Uint8Array(isResampled ? to : 0)
    for (const [s, at] of masksAt.entries()) {
      const bits = maskBits.subarray(s * words, (s + 1) * words)
      if (at < 0) {
        bits.fill(0)
        continue
      }
      const source = stored.subarray(at * from, (at + 1) * from)
      if (isResampled) resampleLabels(source, imageSize, size, resampled)
      this.pack(isResampled ? resampled : source, bits, index, at)
    }
  }

  private pack(mask: NumericArray, bits: Uint32Array, index: number, structure: number): void {
    if (!packBits(mask, bits))
      throw new InputError(
        `${this.file.path}: dataset 'masks' sample ${index} structure ${structure} has a value other than 0 and 1`,
      )
  }
}

/**
 * Packs a mask of bytes 0 and 1 into words: bit j of word i is voxel 32·i + j. The number of voxels is divisible by 32.
 * Returns false if the mask has a byte other than 0 and 1.
 */
export function packBits(mask: NumericArray, words: Uint32Array): boolean {
  const fours = new Uint32Array(mask.buffer, mask.byteOffset, mask.byteLength / 4)
  let seen = 0
  for (let i = 0; i < words.length; i++) {
    let word = 0
    for (let nibble = 0; nibble < 8; nibble++) {
      const four = fours[8 * i + nibble]!
      seen |= four
      // The multiplication moves bit 0 of the four bytes to bits 28, 29, 30 and 31, in order.
      word |= (Math.imul(four, 0x10204080) >>> 28) << (4 * nibble)
    }
    words[i] = word
  }
  return (seen & ~0x01010101) === 0
}

/** Decodes samples from any files in the current thread and keeps the files open. */
export class SampleDecoder {
  private readonly files = new Map<string, Promise<Decoder>>()

  /** Throws InputError if the sample cannot be decoded. */
  async decode({ path, imageSize, sample, image, maskBits, recorded, masksAt, place }: SampleJob): Promise<void> {
    const key = place ? path : `${path} ${imageSize}`
    if (!this.files.has(key)) this.files.set(key, Decoder.open(path, place ? undefined : imageSize))
    const decoder = await this.files.get(key)!
    if (place) decoder.decodePatch(sample, { place, size: imageSize }, image, maskBits, { recorded, masksAt })
    else decoder.decode(sample, image, maskBits, { recorded, masksAt })
  }

  async close(): Promise<void> {
    const files = await Promise.allSettled(this.files.values())
    this.files.clear()
    for (const file of files) if (file.status === 'fulfilled') file.value.close()
  }
}

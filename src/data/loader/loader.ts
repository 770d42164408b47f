import { ContractError, InputError } from '../../util/error.ts'
import { OP_SHUFFLE, RandomStream } from '../../util/random.ts'
import { AXIS_DIVISOR, type ImageSize, sizeOf } from '../../util/shape.ts'
import type { PatchCut, Split } from '../dataset/split.ts'
import type { BatchRequest, Decoders } from './decoders.ts'
import type { HostBuffers } from './host_buffers.ts'
import type { PatchPlace } from './patch_place.ts'

export interface LoaderOptions {
  split: Split
  /** Decodes the samples. Several loaders may share it; its creator closes it. */
  decoders: Decoders
  /** Number of structures of the model. */
  structures: number
  batchSize: number
  order: 'shuffled' | 'sequential'
  seed: number
  /** Samples stored at another size are resampled to this one: images trilinear, masks nearest-neighbour. Default: as stored. */
  imageSize?: ImageSize
  /** Drop the last batch if it is incomplete; otherwise it is padded. */
  dropLast: boolean
}

/** The arrays are valid until the next batch is requested or the loop ends. If threads decode, images and masks are in shared memory. */
export interface Batch {
  images: Float32Array // (B, C, H, W, D)
  maskBits: Uint32Array // (B, S, V/32), bit j of word i is voxel 32·i + j
  presence: Float32Array // (B, S): 1 present, 0 absent, −1 unknown
  samples: Uint32Array // (B) indices within the split
  /** Number of real samples. The rest of the batch is padding: images 0, masks 0, presence −1, index 0. */
  count: number
  /** of the real samples */
  scenarios: string[]
  /** Seconds that the consumer waited for this batch. */
  waited: number
}

/** Yields the batches of one split, decoded ahead of time if there are decoding threads. */
export class Loader {
  readonly batchesPerEpoch: number
  /** Size of the samples in a batch. */
  readonly imageSize: ImageSize
  private readonly options: LoaderOptions

  /**
   * Throws InputError if the split has another number of structures, too few samples for one batch, or an axis that is
   * not divisible by 16.
   */
  constructor(options: LoaderOptions) {
    const { split, structures, batchSize, dropLast } = options
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new ContractError('Loader', 'batchSize', batchSize, 'a positive integer')
    this.imageSize = options.imageSize ?? split.imageSize
    checkFit(split, structures, this.imageSize)
    const batches = split.samples / batchSize
    this.batchesPerEpoch = dropLast ? Math.floor(batches) : Math.ceil(batches)
    if (this.batchesPerEpoch === 0)
      throw new InputError(
        `${split.path}: has ${split.samples} samples, fewer than one batch of ${batchSize}: set training.batch_size to at most ${split.samples}`,
      )
    this.options = options
  }

  /** Sample indices in the order of this epoch; depends on seed and epoch only. */
  order(epoch: number): Uint32Array {
    const { split, order, seed } = this.options
    const indices = Uint32Array.from({ length: split.samples }, (_, i) => i)
    return order === 'shuffled' ? new RandomStream({ seed, operation: OP_SHUFFLE, epoch }).shuffle(indices) : indices
  }

  /**
   * The batches of an epoch, starting at batch `from` (to resume within an epoch), of them those that `isWanted`. The consumer may leave the loop early.
   * Throws InputError with file, dataset and sample at the batch whose sample cannot be decoded.
   */
  async *epoch(
    epoch: number,
    from = 0,
    isWanted: (batch: number) => boolean = () => true,
  ): AsyncGenerator<Batch, void, void> {
    const order = this.order(epoch)
    const { batchSize, decoders } = this.options
    const decoding: { samples: number[]; decoded: Promise<HostBuffers> }[] = []
    let next = from
    const ask = (batches: number): void => {
      for (; decoding.length < batches && next < this.batchesPerEpoch; next++) {
        if (!isWanted(next)) continue
        const samples = [...order.subarray(next * batchSize, (next + 1) * batchSize)]
        const decoded = decoders.decode(this.requestOf(samples, epoch))
        decoded.catch(() => undefined) // reported when the consumer reaches this batch
        decoding.push({ samples, decoded })
      }
    }
    const askAtLeastOne = (): void => ask(Math.max(decoders.ahead, 1))
    try {
      for (askAtLeastOne(); decoding.length > 0; askAtLeastOne()) {
        const { samples, decoded } = decoding.shift()!
        const asked = performance.now()
        const buffers = await decoders.wait(decoded)
        ask(decoders.ahead)
        try {
          yield this.batchOf(samples, buffers, (performance.now() - asked) / 1000)
        } finally {
          decoders.buffers.recycle(buffers)
        }
      }
    } finally {
      for (const { decoded } of decoding)
        decoded.then(buffers => decoders.buffers.recycle(buffers)).catch(() => undefined)
    }
  }

  private requestOf(samples: number[], epoch: number): BatchRequest {
    const { split, structures, batchSize } = this.options
    const { cut } = split
    const voxels = sizeOf(this.imageSize)
    return {
      path: split.path,
      imageSize: this.imageSize,
      samples: split.rows ? samples.map(sample => split.rows![sample]!) : samples,
      batchSize,
      imageLength: split.channels * voxels,
      maskWords: (structures * voxels) / 32,
      masksAt: split.masksAt,
      places: cut && samples.map(sample => this.placeOf(cut, sample, epoch)),
      digests: split.digests && samples.map(sample => split.digests![sample]!),
    }
  }

  private placeOf(cut: PatchCut, sample: number, epoch: number): PatchPlace {
    if (cut.kind === 'grid') return { start: cut.starts[sample]! }
    const { seed, structures, split } = this.options
    const labels = split.presence.subarray(sample * structures, (sample + 1) * structures)
    const present = [...labels].flatMap((label, s) => (label === 1 ? [split.masksAt?.[s] ?? s] : []))
    return { draw: { seed, epoch, sample, foreground: cut.foreground, present } }
  }

  private batchOf(indices: number[], { images, maskBits }: HostBuffers, waited: number): Batch {
    const { split, structures, batchSize } = this.options
    const presence = new Float32Array(batchSize * structures).fill(-1)
    const samples = new Uint32Array(batchSize)
    samples.set(indices)
    for (const [slot, index] of indices.entries()) {
      const labels = split.presence.subarray(index * structures, (index + 1) * structures)
      presence.set(split.cut ? labelsOfPatch(labels, slot, { images, maskBits }, batchSize) : labels, slot * structures)
    }
    return {
      images,
      maskBits,
      presence,
      samples,
      count: indices.length,
      scenarios: indices.map(index => split.scenarios[index]!),
      waited,
    }
  }
}

/**
 * The presence labels of a patch, from those of the sample that it was cut out of: as in import, a structure that the sample has is present if the
 * patch has a voxel of it, else absent. In a patch without intensity, which import would leave out, nothing is known.
 */
function labelsOfPatch(
  labels: Int8Array,
  slot: number,
  { images, maskBits }: HostBuffers,
  batchSize: number,
): number[] {
  const image = images.length / batchSize
  if (!images.subarray(slot * image, (slot + 1) * image).some(voxel => voxel !== 0)) return [...labels].map(() => -1)
  const words = maskBits.length / batchSize / labels.length
  return [...labels].map((label, s) => {
    const at = (slot * labels.length + s) * words
    return label === 1 ? Number(maskBits.subarray(at, at + words).some(word => word !== 0)) : label
  })
}

function checkFit(split: Split, structures: number, imageSize: ImageSize): void {
  if (split.structures !== structures)
    throw new InputError(`${split.path}: masks have ${split.structures} structures, the model has ${structures}`)
  if (imageSize.some(axis => axis % AXIS_DIVISOR !== 0 || axis < AXIS_DIVISOR))
    throw new InputError(
      `${split.path}: image size ${imageSize.join('×')}, expected every axis divisible by ${AXIS_DIVISOR}`,
    )
}

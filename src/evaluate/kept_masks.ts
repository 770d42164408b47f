import { Hdf5Writer } from '../data/hdf5/writer.ts'
import { StagedResults } from '../util/files/staged_results.ts'

/** The masks of an evaluation, in the folder of its results. */
export const MASKS = 'evaluated_masks.h5'

/**
 * Writes evaluated_masks.h5: `masks` (N, S, H, W, D), whether p > 0.5, of every structure on the model's grid, without the presence gate; and `samples` (N),
 * their numbers in the split.
 */
export class KeptMasks {
  private readonly results: StagedResults
  private readonly writer: Hdf5Writer

  private constructor(results: StagedResults, writer: Hdf5Writer) {
    this.results = results
    this.writer = writer
  }

  /** `folder` must exist. Throws InputError if the file would replace one that is no result. */
  static async create(
    folder: string,
    { structures, size }: { structures: number; size: readonly number[] },
    options: { overwrite?: boolean | undefined },
  ): Promise<KeptMasks> {
    const results = new StagedResults(folder, options)
    try {
      const writer = await Hdf5Writer.create(results.path(MASKS), [
        { name: 'masks', kind: 'bool', rowShape: [structures, ...size] },
        { name: 'samples', kind: 'int64', rowShape: [] },
      ])
      return new KeptMasks(results, writer)
    } catch (error) {
      results.abandon()
      throw error
    }
  }

  /** `bits` are the masks (S, V/32) of a sample, the lowest bit first. */
  add(sample: number, bits: Uint32Array): void {
    const masks = new Uint8Array(32 * bits.length)
    for (let v = 0; v < masks.length; v++) masks[v] = (bits[v >> 5]! >>> (v & 31)) & 1
    this.writer.append('masks', masks)
    this.writer.append('samples', BigInt64Array.of(BigInt(sample)))
  }

  /** Moves the file into place and returns its path. */
  async finish(): Promise<string> {
    await this.writer.finish()
    return this.results.commit()[0]!
  }

  /** Removes what is not finished. */
  abandon(): void {
    this.writer.abandon()
    this.results.abandon()
  }
}

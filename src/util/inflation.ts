import { constants, createGunzip, createInflateRaw, createUnzip } from 'node:zlib'
import type { ByteSource } from './bytes/byte_source.ts'

/** The data are not what was deflated: damaged or cut off. */
export class InflationDamage extends Error {
  override name = 'InflationDamage'
}

/**
 * What Node's zlib streams call. Node offers to inflate piece by piece only asynchronously, or all at once; this inflates a piece at a time
 * without the event loop, as the PNG and tar readers of npm do.
 */
interface Engine {
  _handle: {
    onerror: (message: string) => void
    writeSync(
      flush: number,
      input: Uint8Array,
      inputAt: number,
      inputLength: number,
      output: Uint8Array,
      outputAt: number,
      outputLength: number,
    ): void
  }
  _writeState: Uint32Array // bytes left of the output, of the input
  close(): void
}

const ENGINES = { gzip: createGunzip, raw: createInflateRaw, zlib: createUnzip } as const
const PIECE = 2 ** 16 // bytes of deflated data read at a time

/** Inflates gzip (all members, checksums compared), raw deflate, or zlib data (which may also be gzip) as they are asked for. Memory: a piece of the deflated data. */
export class Inflation implements ByteSource {
  private readonly engine: Engine
  private readonly source: ByteSource
  private readonly piece = new Uint8Array(PIECE)
  private at = 0
  private waiting = 0 // bytes of the piece that were not inflated yet
  private hasMore = true // deflated data
  private hasEnded = false
  private failure: string | undefined

  constructor(source: ByteSource, format: keyof typeof ENGINES) {
    this.source = source
    this.engine = ENGINES[format]() as unknown as Engine
    this.engine._handle.onerror = message => {
      this.failure = message
    }
  }

  /** Throws InflationDamage. */
  read(target: Uint8Array): number {
    let filled = 0
    while (filled < target.length && !this.hasEnded) filled += this.inflateInto(target.subarray(filled))
    return filled
  }

  close(): void {
    this.engine.close()
  }

  private inflateInto(target: Uint8Array): number {
    const { engine, piece } = this
    if (this.waiting === 0 && this.hasMore) {
      this.at = 0
      this.waiting = this.source.read(piece)
      this.hasMore = this.waiting > 0
    }
    const flush = this.hasMore ? constants.Z_NO_FLUSH : constants.Z_FINISH
    engine._handle.writeSync(flush, piece, this.at, this.waiting, target, 0, target.length)
    if (this.failure !== undefined) throw new InflationDamage(this.failure)
    const [room, left] = engine._writeState as unknown as [number, number]
    this.at += this.waiting - left
    this.waiting = left
    // With room left, it stops only for want of data or at their end; zeros after the end are padding.
    if (room > 0 && (left > 0 || !this.hasMore)) this.hasEnded = true
    return target.length - room
  }
}

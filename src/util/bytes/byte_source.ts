/** Bytes one after another. */
export interface ByteSource {
  /** Fills `target` as far as there are bytes; returns how many. */
  read(target: Uint8Array): number
}

/** Bytes in memory. */
export class MemoryBytes implements ByteSource {
  private readonly bytes: Uint8Array
  private at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  read(target: Uint8Array): number {
    const piece = this.bytes.subarray(this.at, this.at + target.length)
    target.set(piece)
    this.at += piece.length
    return piece.length
  }
}

const PASSED_AT_ONCE = 2 ** 16 // bytes

/** Passes over up to `count` bytes; returns how many there were. At the end of a gzip stream, its checksum has been compared. */
export function passOver(source: ByteSource, count: number): number {
  const scratch = new Uint8Array(PASSED_AT_ONCE)
  let done = 0
  while (done < count) {
    const wanted = Math.min(scratch.length, count - done)
    const got = source.read(scratch.subarray(0, wanted))
    done += got
    if (got < wanted) break
  }
  return done
}

/** Deflate makes data at most this many times smaller. */
const MOST = 1032

/** The most bytes that `deflated` bytes can hold. */
export function mostInflated(deflated: number): number {
  return deflated * MOST
}

import { constants, deflateRawSync, deflateSync, type ZlibOptions } from 'node:zlib'

/** One case: what is made in the folder, and the words of the command that reads it. */
export interface Hostile {
  name: string
  make(folder: string): string[]
  /** 'either': it is harmless, and may be read */
  ends?: 'either'
}

const PIECE = 2 ** 24 // bytes

/**
 * A deflate stream of so many zero bytes, about a thousandth as long: a piece that ends at a byte's boundary is repeated, since a run of
 * zeros only refers to zeros before it. `head` comes first.
 */
export function inflatesTo(zeros: number, head: Uint8Array = new Uint8Array(0)): Buffer {
  const options: ZlibOptions = { level: 9, finishFlush: constants.Z_SYNC_FLUSH }
  const piece = deflateRawSync(new Uint8Array(PIECE), options)
  const start = deflateRawSync(Buffer.concat([head, new Uint8Array(2 ** 16)]), options)
  const pieces = Array.from({ length: Math.ceil(zeros / PIECE) }, () => piece)
  return Buffer.concat([start, ...pieces, deflateRawSync(new Uint8Array(0))])
}

/** The same behind the header of gzip; its checksum is missing, which only a reader that inflates all of it finds out. */
export function gzipBomb(zeros: number, head: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), inflatesTo(zeros, head), Buffer.alloc(8)])
}

/** A zlib stream, as chunks of HDF5 are, of so many zeros, padded to a length. */
export function zlibBomb(zeros: number, length: number): Buffer {
  const stream = deflateSync(new Uint8Array(zeros), { level: 9 })
  if (stream.length > length) throw new Error(`${stream.length} bytes do not fit in ${length}`)
  return Buffer.concat([stream, Buffer.alloc(length - stream.length)])
}

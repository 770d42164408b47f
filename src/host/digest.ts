import { createHash } from 'node:crypto'

export { crc32 } from 'node:zlib'

/** SHA-256 of the pieces one after another, in hexadecimal. */
export function sha256(pieces: Iterable<Uint8Array>): string {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}

import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'

const BYTES_AT_ONCE = 2 ** 22

/**
 * A modification time in the header of an object, as h5wasm writes it: type 0x12, 8 bytes, flags and padding, version 1 and padding, then seconds.
 * HDF5 File Format Specification 3.0, IV.A.1.a and IV.A.2.s.
 */
const BEFORE_SECONDS = Buffer.from([0x12, 0, 8, 0, 0, 0, 0, 0, 1, 0, 0, 0])
const LENGTH = BEFORE_SECONDS.length + 4

/**
 * Sets the modification times of all objects of a closed file to zero, which says that none is known: equal contents then have equal bytes. Only
 * times since `from` (s) are taken for such. Headers have no checksum in the oldest file version.
 */
export function clearTimes(path: string, from: number): void {
  const file = openSync(path, 'r+')
  try {
    const { size } = fstatSync(file)
    const piece = Buffer.alloc(BYTES_AT_ONCE)
    for (let start = 0; start < size; start += BYTES_AT_ONCE - LENGTH) {
      const bytes = piece.subarray(0, readSync(file, piece, 0, BYTES_AT_ONCE, start))
      for (let at = bytes.indexOf(BEFORE_SECONDS); at >= 0; at = bytes.indexOf(BEFORE_SECONDS, at + 1)) {
        const seconds = at + BEFORE_SECONDS.length
        if (seconds + 4 > bytes.length) break
        const time = bytes.readUInt32LE(seconds)
        if (time >= from && time <= Date.now() / 1000) writeSync(file, Buffer.alloc(4), 0, 4, start + seconds)
      }
    }
  } finally {
    closeSync(file)
  }
}

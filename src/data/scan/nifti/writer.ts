import { constants, crc32, deflateRawSync } from 'node:zlib'
import { writeWhole } from '../../../util/whole_file.ts'
import type { ScanGrid } from '../scan.ts'
import { encodeNifti } from './encode.ts'

/** Writes a NIfTI-1 file as `encodeNifti` makes it, gzipped if `path` ends in .gz. Atomic. Throws InputError, or WriteError if the file cannot be written. */
export function writeNifti(path: string, values: Uint8Array | Float32Array, like: ScanGrid): void {
  const pieces = encodeNifti(path, values, like)
  writeWhole(path, path.endsWith('.gz') ? gzipped(pieces) : pieces)
}

/** One gzip member (RFC 1952) for all pieces, because some readers stop after the first. A sync flush ends each piece on a byte boundary. */
function* gzipped(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  yield Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255)
  let [checksum, length] = [0, 0]
  for (const piece of pieces) {
    checksum = crc32(piece, checksum)
    length += piece.length
    yield deflateRawSync(piece, { finishFlush: constants.Z_SYNC_FLUSH })
  }
  const end = Buffer.alloc(10)
  end.writeUInt8(3, 0) // an empty last block, 2 bytes
  end.writeUInt32LE(checksum, 2)
  end.writeUInt32LE(length % 2 ** 32, 6)
  yield end
}
